/* dbclient for the image: one connection, public key only, to a server whose key is known.
 * Overrides default_options.h of dropbear. */

/* Kept: /init hands dbclient a connected socket by the proxy command, so that name look-up, port
 * and time limit are its own. The sources compile with it only where netcat mode is there too. */
#define DROPBEAR_CLI_PROXYCMD 1
#define DROPBEAR_CLI_NETCAT 1
#define DROPBEAR_CLI_PUBKEY_AUTH 1

/* Nobody is there to type, and nothing is to be forwarded. */
#define DROPBEAR_CLI_PASSWORD_AUTH 0
#define DROPBEAR_USE_PASSWORD_ENV 0
#define DROPBEAR_CLI_LOCALTCPFWD 0
#define DROPBEAR_CLI_REMOTETCPFWD 0
#define DROPBEAR_CLI_AGENTFWD 0
#define DROPBEAR_SVR_PASSWORD_AUTH 0 /* else the headers ask for crypt(), which Debian's musl lacks */
#define DROPBEAR_USER_ALGO_LIST 0
#define DROPBEAR_SK_KEYS 0
#define DO_MOTD 0

/* AES-GCM beside chacha20-poly1305 and AES-CTR: servers that allow nothing older have one of them. */
#define DROPBEAR_ENABLE_GCM_MODE 1
#define DROPBEAR_3DES 0
#define DROPBEAR_SHA1_HMAC 0
#define DROPBEAR_SHA2_512_HMAC 1
#define DROPBEAR_RSA_SHA1 0
#define DROPBEAR_DH_GROUP14_SHA1 0
#define DROPBEAR_DH_GROUP14_SHA256 1
#define DROPBEAR_DH_GROUP16 1
#define DROPBEAR_DH_GROUP1 0

/* A dump is megabytes in one direction: large packets, and a window for what little comes back. */
#define TRANS_MAX_PAYLOAD_LEN 32768
