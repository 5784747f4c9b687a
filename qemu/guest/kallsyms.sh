# shellcheck shell=dash
# arm64 without CONFIG_KALLSYMS_ALL: kexec-tools wants _text and _end, which /proc/kallsyms lacks, and
# loads a header with an impossible range where it does not find them. A file over it has them: the
# image begins 64 KB below _stext, and from there to _end is what /proc/iomem has as code and data.
if [ "$(uname -m)" = aarch64 ] && ! grep -q ' _text$' /proc/kallsyms; then
    stext=$(sed -n 's/^\([0-9a-f]*\) T _stext$/\1/p' /proc/kallsyms)
    code=$(sed -n 's/^ *\([0-9a-f]*\)-.* : Kernel code$/\1/p' /proc/iomem)
    data=$(sed -n 's/^ *[0-9a-f]*-\([0-9a-f]*\) : Kernel data$/\1/p' /proc/iomem)
    {
        echo "$stext T _stext"
        printf '%x T _text\n' $((0x$stext - 0x10000))
        printf '%x D _end\n' $((0x$stext + 0x$data + 1 - 0x$code))
    } > /run/kallsyms
    mount -o bind /run/kallsyms /proc/kallsyms
fi
