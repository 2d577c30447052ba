/* A user agent on libsofia-sip-ua as an application makes one, with the library's defaults: it registers, answers, calls and hangs up.
 *
 * ua URI SERVER-URI BIND-URI; then lines on standard input: "call URI", "bye". Says one word a line of what happens. */
#define NUA_MAGIC_T void
#define NUA_HMAGIC_T void
#define SU_ROOT_MAGIC_T void

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sofia-sip/nua.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/su.h>
#include <sofia-sip/tport_tag.h>

static const char kOffer[] =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

static su_root_t *root;
static nua_t *nua;
static nua_handle_t *call;

static void say(const char *what, int status) {
  printf("%s %d\n", what, status);
  fflush(stdout);
}

static void heard(nua_event_t event, int status, char const *phrase, nua_t *agent, void *magic, nua_handle_t *handle, void *hmagic, sip_t const *sip, tagi_t tags[]) {
  (void)phrase, (void)agent, (void)magic, (void)hmagic, (void)sip, (void)tags;
  switch (event) {
    case nua_r_register:
      if (status >= 200) say("registered", status);
      break;
    case nua_i_invite:
      call = handle;
      nua_respond(handle, SIP_200_OK, SIPTAG_CONTENT_TYPE_STR("application/sdp"), SIPTAG_PAYLOAD_STR(kOffer), TAG_END());
      break;
    case nua_i_ack:
      say("established", 200);
      break;
    case nua_r_invite:
      if (status == 200) nua_ack(handle, TAG_END());
      if (status >= 200) say(status == 200 ? "established" : "failed", status);
      break;
    case nua_i_bye:
      say("ended", 200);
      break;
    case nua_r_bye:
      if (status >= 200) say("ended", status);
      break;
    default:
      break;
  }
}

static int typed(void *magic, su_wait_t *wait, su_wakeup_arg_t *arg) {
  static char line[512];
  (void)magic, (void)wait, (void)arg;
  if (fgets(line, sizeof line, stdin) == NULL) exit(0);
  line[strcspn(line, "\n")] = 0;
  if (strncmp(line, "call ", 5) == 0) {
    call = nua_handle(nua, NULL, SIPTAG_TO_STR(line + 5), TAG_END());
    nua_invite(call, NUTAG_URL(line + 5), SIPTAG_CONTENT_TYPE_STR("application/sdp"), SIPTAG_PAYLOAD_STR(kOffer), TAG_END());
  } else if (strcmp(line, "bye") == 0) {
    nua_bye(call, TAG_END());
  }
  return 0;
}

int main(int argc, char *argv[]) {
  nua_handle_t *registration;
  su_wait_t wait[1];
  if (argc != 4) return 2;
  setvbuf(stdin, NULL, _IONBF, 0);
  su_init();
  root = su_root_create(NULL);
  nua = nua_create(root, heard, NULL, NUTAG_URL(argv[3]), NUTAG_PROXY(argv[2]), NUTAG_MEDIA_ENABLE(0), NUTAG_AUTOALERT(0), SIPTAG_FROM_STR(argv[1]), TAG_END());
  if (nua == NULL) return 1;
  registration = nua_handle(nua, NULL, SIPTAG_TO_STR(argv[1]), TAG_END());
  nua_register(registration, NUTAG_REGISTRAR(argv[2]), TAG_END());
  su_wait_create(wait, 0, SU_WAIT_IN);
  su_root_register(root, wait, typed, NULL, 0);
  su_root_run(root);
  return 0;
}
