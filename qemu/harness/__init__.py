"""Crash and capture in QEMU: the parts that the cases in qemu/cases are put together from."""
