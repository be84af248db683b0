/* An SCTP host made of usrsctp, bare or inside UDP (RFC 6951).

   usrsctp_peer client|server raw|udp LOCAL[,LOCAL2] PEER PORT N [how]
     client: sends N messages of 1 byte to 20 kB on streams 0 to 15, every second one unordered, and compares what comes back;
             how: "shutdown" (default) or "abort" at the end
     server: takes one association and prints what it got; how: "take" (default), "echo", or "abort" after N messages

   The environment asks for extensions. WITH, words of
     auth     the other side has to sign its data (RFC 4895), with the shared key 7 where KEY holds its bytes
     idata    messages may be interleaved (RFC 8260)
     reset    requests about streams are allowed (RFC 6525); a client makes some of each kind, one at a sixth of its messages,
             and at the end one to reset the TSNs
    more     (server, with reset) asks for four more streams to receive on after 50 messages: a client has as many as it may from
             the beginning, since the library takes no more than its INIT has said
     move     (client) the address LATER joins, becomes the one to be sent to, and the first one leaves (RFC 5061)
   The line before the last one of standard output lists what the library has reported of them. The last one tells what happened. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <usrsctp.h>

enum { ENCAPSULATION = 9899, STREAMS = 16, LONGEST = 20000, BUFFER = 1 << 17, REQUEST_TRIES = 3000 };

#ifndef SCTP_INTERLEAVING_SUPPORTED
#define SCTP_INTERLEAVING_SUPPORTED 0x00001206 /* The library has it, and its header does not. */
#endif

static char sent[BUFFER], came[BUFFER];

/* What the library has reported of extensions. */
static struct {
  int incoming_reset, outgoing_reset, tsns_reset, refused, inbound, outbound, added, removed, made_primary, confirmed;
} news;

static int with(const char *word) {
  const char *words = getenv("WITH");
  return words && strstr(words, word) != NULL;
}

static void check(int good, const char *what) {
  if (good) return;
  perror(what);
  exit(1);
}

/* An address of either family. */
union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static socklen_t length_of(const union address *address) {
  return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

static union address address_of(const char *text, int port) {
  union address address = {0};
  if (strchr(text, ':')) {
    address.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
    check(inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1, text);
  } else {
    address.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    check(inet_pton(AF_INET, text, &address.v4.sin_addr) == 1, text);
  }
  return address;
}

static void set(struct socket *socket, int option, const void *value, socklen_t length, const char *what) {
  check(usrsctp_setsockopt(socket, IPPROTO_SCTP, option, value, length) == 0, what);
}

/* What the environment asks for, before the association begins. */
static void extend(struct socket *socket) {
  if (with("auth")) {
    struct sctp_authchunk data = {.sauth_chunk = with("idata") ? 64 : SCTP_DATA};
    set(socket, SCTP_AUTH_CHUNK, &data, sizeof data, "authenticated chunks");
  }
  const char *key = getenv("KEY");
  if (key) {
    struct sctp_authkey *shared = calloc(1, sizeof *shared + strlen(key));
    check(shared != NULL, "memory");
    shared->sca_keynumber = 7;
    shared->sca_keylength = strlen(key);
    memcpy(shared->sca_key, key, strlen(key));
    set(socket, SCTP_AUTH_KEY, shared, sizeof *shared + strlen(key), "key");
    free(shared);
    struct sctp_authkeyid active = {.scact_keynumber = 7};
    set(socket, SCTP_AUTH_ACTIVE_KEY, &active, sizeof active, "active key");
  }
  if (with("idata")) {
    int level = 2; /* Messages of several streams at once: it has to be there first. */
    set(socket, SCTP_FRAGMENT_INTERLEAVE, &level, sizeof level, "fragments");
    struct sctp_assoc_value on = {.assoc_value = 1};
    set(socket, SCTP_INTERLEAVING_SUPPORTED, &on, sizeof on, "interleaving");
  }
  if (with("reset")) {
    struct sctp_assoc_value all = {.assoc_value = SCTP_ENABLE_VALUE_MASK};
    set(socket, SCTP_ENABLE_STREAM_RESET, &all, sizeof all, "requests about streams");
  }
}

/* Counts what a notification says of extensions. */
static void count(const union sctp_notification *note) {
  switch (note->sn_header.sn_type) {
  case SCTP_STREAM_RESET_EVENT: {
    int flags = note->sn_strreset_event.strreset_flags;
    news.refused += (flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) != 0;
    if (flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) break;
    news.incoming_reset += (flags & SCTP_STREAM_RESET_INCOMING_SSN) != 0;
    news.outgoing_reset += (flags & SCTP_STREAM_RESET_OUTGOING_SSN) != 0;
    break;
  }
  case SCTP_ASSOC_RESET_EVENT:
    if (note->sn_assocreset_event.assocreset_flags) news.refused++;
    else news.tsns_reset++;
    break;
  case SCTP_STREAM_CHANGE_EVENT:
    if (note->sn_strchange_event.strchange_flags) news.refused++;
    news.inbound = note->sn_strchange_event.strchange_instrms;
    news.outbound = note->sn_strchange_event.strchange_outstrms;
    break;
  case SCTP_PEER_ADDR_CHANGE:
    switch (note->sn_paddr_change.spc_state) {
    case SCTP_ADDR_ADDED: news.added++; break;
    case SCTP_ADDR_REMOVED: news.removed++; break;
    case SCTP_ADDR_MADE_PRIM: news.made_primary++; break;
    case SCTP_ADDR_CONFIRMED: news.confirmed++; break;
    }
    break;
  }
}

static struct socket *open_socket(int inside_udp, char *locals, int port) {
  int family = strchr(locals, ':') ? AF_INET6 : AF_INET;
  struct socket *socket = usrsctp_socket(family, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
  check(socket != NULL, "socket");
  if (inside_udp) {
    struct sctp_udpencaps encapsulation = {.sue_port = htons(ENCAPSULATION)};
    encapsulation.sue_address.ss_family = family;
    set(socket, SCTP_REMOTE_UDP_ENCAPS_PORT, &encapsulation, sizeof encapsulation, "encapsulation");
  }
  struct sctp_initmsg streams = {.sinit_num_ostreams = STREAMS, .sinit_max_instreams = STREAMS};
  set(socket, SCTP_INITMSG, &streams, sizeof streams, "streams");
  int on = 1;
  set(socket, SCTP_RECVRCVINFO, &on, sizeof on, "receive information");
  struct sctp_event event = {.se_assoc_id = SCTP_FUTURE_ASSOC, .se_on = 1};
  int types[] = {SCTP_ASSOC_CHANGE, SCTP_PEER_ADDR_CHANGE, SCTP_STREAM_RESET_EVENT, SCTP_ASSOC_RESET_EVENT, SCTP_STREAM_CHANGE_EVENT};
  for (size_t at = 0; at < sizeof types / sizeof *types; at++) {
    event.se_type = types[at];
    set(socket, SCTP_EVENT, &event, sizeof event, "events");
  }
  struct sctp_paddrparams paths = {.spp_hbinterval = 500, .spp_pathmaxrxt = 2, .spp_flags = SPP_HB_ENABLE};
  paths.spp_address.ss_family = family;
  set(socket, SCTP_PEER_ADDR_PARAMS, &paths, sizeof paths, "paths");
  struct sctp_rtoinfo rto = {.srto_initial = 200, .srto_min = 100, .srto_max = 1000};
  set(socket, SCTP_RTOINFO, &rto, sizeof rto, "time-outs");
  extend(socket);
  for (char *text = strtok(locals, ","); text; text = strtok(NULL, ",")) {
    union address bound = address_of(text, port);
    check(usrsctp_bindx(socket, &bound.any, 1, SCTP_BINDX_ADD_ADDR) == 0, "bindx");
  }
  return socket;
}

/* Reads one message; 0 at the end of the association, -1 when it was lost. */
static ssize_t receive(struct socket *socket, struct sctp_rcvinfo *info, int *end) {
  ssize_t length = 0;
  for (;;) {
    int flags = 0;
    unsigned kind = 0;
    struct sockaddr_storage from;
    socklen_t from_length = sizeof from, info_length = sizeof *info;
    ssize_t part = usrsctp_recvv(socket, came + length, BUFFER - length, (void *)&from, &from_length, info, &info_length, &kind, &flags);
    if (part <= 0) {
      if (part < 0 && errno == EINTR) continue;
      if (part < 0) *end = SCTP_COMM_LOST;
      return part;
    }
    if (flags & MSG_NOTIFICATION) {
      union sctp_notification *note = (void *)(came + length);
      if (note->sn_header.sn_type == SCTP_ASSOC_CHANGE && note->sn_assoc_change.sac_state != SCTP_COMM_UP) {
        *end = note->sn_assoc_change.sac_state;
        return 0;
      }
      count(note);
      continue;
    }
    length += part;
    if (flags & MSG_EOR) return length;
  }
}

static int send_message(struct socket *socket, const char *bytes, size_t length, int stream, int unordered) {
  struct sctp_sndinfo info = {.snd_sid = stream, .snd_ppid = htonl(42), .snd_flags = unordered ? SCTP_UNORDERED : 0};
  return usrsctp_sendv(socket, bytes, length, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0) == (ssize_t)length;
}

static void abort_association(struct socket *socket) {
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  check(usrsctp_setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0, "linger");
  usrsctp_close(socket);
}

static const char *ending(int end) {
  return end == SCTP_COMM_LOST ? "lost" : end == SCTP_SHUTDOWN_COMP ? "shut down" : end == 0 ? "closed" : "restarted or refused";
}

/* A request about streams: the library takes none while another is not answered, nor one to reset the TSNs while data are not
   acknowledged. Either may be so after a loss, until a time-out. */
static void request(struct socket *socket, int option, const void *value, socklen_t length, const char *what) {
  for (int left = REQUEST_TRIES; left > 1; left--) {
    if (usrsctp_setsockopt(socket, IPPROTO_SCTP, option, value, length) == 0) return;
    check(errno == EBUSY || errno == EALREADY, what);
    usleep(10000);
  }
  set(socket, option, value, length, what);
}

/* Asks for streams to be reset, in one direction. */
static void reset_streams(struct socket *socket, int direction, int first, int second) {
  struct sctp_reset_streams *streams = calloc(1, sizeof *streams + 2 * sizeof(uint16_t));
  check(streams != NULL, "memory");
  streams->srs_flags = direction;
  streams->srs_number_streams = 2;
  streams->srs_stream_list[0] = first;
  streams->srs_stream_list[1] = second;
  request(socket, SCTP_RESET_STREAMS, streams, sizeof *streams + 2 * sizeof(uint16_t), "reset of streams");
  free(streams);
}

/* Resets the TSNs, and waits until it is done: the library would send data behind its own request, and abort when the answer
   comes. Of what it sends later it may give up what is not acknowledged within a time-out, by a FORWARD TSN of before. Told
   that the request is in progress, since our data wait for their acknowledgement, it asks on but does not know the answer as
   one to its request: it has to ask when they have been acknowledged. */
static void reset_tsns(struct socket *socket) {
  uint32_t association = 0;
  if (getenv("QUIET_MS")) usleep(atoi(getenv("QUIET_MS")) * 1000);
  request(socket, SCTP_RESET_ASSOC, &association, sizeof association, "reset of the TSNs");
  while (!news.tsns_reset && !news.refused) {
    int flags = 0;
    unsigned kind = 0;
    ssize_t got = usrsctp_recvv(socket, came, BUFFER, NULL, NULL, NULL, NULL, &kind, &flags);
    check(got > 0 && (flags & MSG_NOTIFICATION), "nothing but news");
    count((void *)came);
  }
}

/* What a client asks for at each sixth of its messages. */
static void ask(struct socket *socket, int sixth, const char *first) {
  if (with("reset")) {
    struct sctp_add_streams out = {.sas_outstrms = 4};
    if (sixth == 1) reset_streams(socket, SCTP_STREAM_RESET_OUTGOING, 0, 3);
    if (sixth == 2) reset_streams(socket, SCTP_STREAM_RESET_INCOMING, 1, 2);
    if (sixth == 3) request(socket, SCTP_ADD_STREAMS, &out, sizeof out, "streams to send on");
  }
  if (with("move")) {
    union address later = address_of(getenv("LATER"), 0), old = address_of(first, 0);
    if (sixth == 1) check(usrsctp_bindx(socket, &later.any, 1, SCTP_BINDX_ADD_ADDR) == 0, "another address");
    if (sixth == 3) {
      struct sctp_setpeerprim primary = {0};
      memcpy(&primary.sspp_addr, &later, length_of(&later));
      set(socket, SCTP_SET_PEER_PRIMARY_ADDR, &primary, sizeof primary, "primary address");
    }
    if (sixth == 4) {
      /* What is on its way to the old address is answered by ABORT from here on, though its going is not confirmed yet: against
         RFC 5061 section 5.3. So nothing may be on its way. */
      usleep(500000);
      check(usrsctp_bindx(socket, &old.any, 1, SCTP_BINDX_REM_ADDR) == 0, "no first address");
      usleep(500000);
    }
  }
}

static void tell(void) {
  printf("reset in %d out %d tsns %d, refused %d, streams in %d out %d, addresses added %d removed %d primary %d confirmed %d\n",
         news.incoming_reset, news.outgoing_reset, news.tsns_reset, news.refused, news.inbound, news.outbound, news.added,
         news.removed, news.made_primary, news.confirmed);
}

static int client(struct socket *socket, union address peer, int count, const char *how, const char *first) {
  check(usrsctp_connect(socket, &peer.any, length_of(&peer)) == 0, "connect");
  int bad = 0, end = 0;
  for (int number = 0; number < count; number++) {
    if (number && count >= 6 && number % (count / 6) == 0) ask(socket, number / (count / 6), first);
    ssize_t length = 1 + number * 997 % LONGEST;
    for (ssize_t at = 0; at < length; at++) sent[at] = (char)(number * 31 + at * 7);
    int stream = number % (news.outbound ? news.outbound : STREAMS), unordered = number & 1;
    check(send_message(socket, sent, length, stream, unordered), "send");
    struct sctp_rcvinfo info = {0};
    ssize_t got = receive(socket, &info, &end);
    if (got != length || memcmp(sent, came, length) || info.rcv_sid != stream % STREAMS || ntohl(info.rcv_ppid) != 42 ||
        !(info.rcv_flags & SCTP_UNORDERED) != !unordered) {
      printf("message %d of %zd bytes: got %zd on stream %d, %s\n", number, length, got, info.rcv_sid, ending(end));
      bad++;
      if (got <= 0) break;
    }
    if (getenv("PAUSE_MS")) usleep(atoi(getenv("PAUSE_MS")) * 1000);
  }
  if (with("reset") && !bad) reset_tsns(socket);
  if (!strcmp(how, "abort")) {
    abort_association(socket);
  } else {
    struct sctp_rcvinfo info;
    check(usrsctp_shutdown(socket, SHUT_WR) == 0, "shutdown");
    while (receive(socket, &info, &end) > 0) bad++;
    usrsctp_close(socket);
  }
  tell();
  printf("%d messages, %d bad, %s\n", count, bad, !strcmp(how, "abort") ? "aborted" : ending(end));
  return bad != 0;
}

static int server(struct socket *socket, int count, const char *how) {
  check(usrsctp_listen(socket, 1) == 0, "listen");
  puts("listening");
  fflush(stdout);
  struct socket *association = usrsctp_accept(socket, NULL, NULL);
  check(association != NULL, "accept");
  struct sctp_rcvinfo info;
  long messages = 0, bytes = 0, unordered = 0, streams = 0;
  int end = 0;
  for (ssize_t got; (got = receive(association, &info, &end)) > 0;) {
    messages++;
    bytes += got;
    unordered += (info.rcv_flags & SCTP_UNORDERED) != 0;
    if (info.rcv_sid >= streams) streams = info.rcv_sid + 1;
    if (!strcmp(how, "echo")) check(send_message(association, came, got, info.rcv_sid, info.rcv_flags & SCTP_UNORDERED), "echo");
    if (!strcmp(how, "abort") && messages == count) break;
    if (with("more") && messages == 50) {
      struct sctp_add_streams in = {.sas_instrms = 4};
      request(association, SCTP_ADD_STREAMS, &in, sizeof in, "streams to receive on");
    }
  }
  if (!strcmp(how, "abort")) abort_association(association);
  else usrsctp_close(association);
  tell();
  printf("%ld messages, %ld bytes, %ld streams, %ld unordered, %s\n", messages, bytes, streams, unordered,
         !strcmp(how, "abort") ? "aborted" : ending(end));
  usrsctp_close(socket);
  return 0;
}

static void complain(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
}

int main(int count, char **words) {
  if (count < 7) {
    fprintf(stderr, "usage: %s client|server raw|udp LOCAL[,LOCAL2] PEER PORT N [how]\n", words[0]);
    return 2;
  }
  int inside_udp = !strcmp(words[2], "udp"), port = atoi(words[5]), messages = atoi(words[6]);
  const char *how = count > 7 ? words[7] : "";
  usrsctp_init(inside_udp ? ENCAPSULATION : 0, NULL, getenv("DEBUG") ? complain : NULL);
  usrsctp_sysctl_set_sctp_ecn_enable(0);
  int is_server = !strcmp(words[1], "server");
  struct socket *socket = open_socket(inside_udp, words[3], is_server ? port : 0); /* Only the first address is left in words[3]. */
  int failed = is_server ? server(socket, messages, how) : client(socket, address_of(words[4], port), messages, how, words[3]);
  for (int round = 0; round < 50 && usrsctp_finish(); round++) usleep(100000);
  fflush(stdout);
  return failed;
}
