/* An SCTP host made of usrsctp, bare or inside UDP (RFC 6951).

   usrsctp_peer client|server raw|udp LOCAL[,LOCAL2] PEER PORT N [how]
     client: sends N messages of 1 byte to 20 kB on streams 0 to 15, every second one unordered, and compares what comes back;
             how: "shutdown" (default) or "abort" at the end
     server: takes one association and prints what it got; how: "take" (default), "echo", or "abort" after N messages

   The last line of standard output tells what happened. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <usrsctp.h>

enum { ENCAPSULATION = 9899, STREAMS = 16, LONGEST = 20000, BUFFER = 1 << 17 };

static char sent[BUFFER], came[BUFFER];

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
  event.se_type = SCTP_ASSOC_CHANGE;
  set(socket, SCTP_EVENT, &event, sizeof event, "events");
  struct sctp_paddrparams paths = {.spp_hbinterval = 500, .spp_pathmaxrxt = 2, .spp_flags = SPP_HB_ENABLE};
  paths.spp_address.ss_family = family;
  set(socket, SCTP_PEER_ADDR_PARAMS, &paths, sizeof paths, "paths");
  struct sctp_rtoinfo rto = {.srto_initial = 200, .srto_min = 100, .srto_max = 1000};
  set(socket, SCTP_RTOINFO, &rto, sizeof rto, "time-outs");
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

static int client(struct socket *socket, union address peer, int count, const char *how) {
  check(usrsctp_connect(socket, &peer.any, length_of(&peer)) == 0, "connect");
  int bad = 0, end = 0;
  for (int number = 0; number < count; number++) {
    ssize_t length = 1 + number * 997 % LONGEST;
    for (ssize_t at = 0; at < length; at++) sent[at] = (char)(number * 31 + at * 7);
    int stream = number % STREAMS, unordered = number & 1;
    check(send_message(socket, sent, length, stream, unordered), "send");
    struct sctp_rcvinfo info = {0};
    ssize_t got = receive(socket, &info, &end);
    if (got != length || memcmp(sent, came, length) || info.rcv_sid != stream || ntohl(info.rcv_ppid) != 42 ||
        !(info.rcv_flags & SCTP_UNORDERED) != !unordered) {
      printf("message %d of %zd bytes: got %zd on stream %d, %s\n", number, length, got, info.rcv_sid, ending(end));
      bad++;
      if (got <= 0) break;
    }
    if (getenv("PAUSE_MS")) usleep(atoi(getenv("PAUSE_MS")) * 1000);
  }
  if (!strcmp(how, "abort")) {
    abort_association(socket);
  } else {
    struct sctp_rcvinfo info;
    check(usrsctp_shutdown(socket, SHUT_WR) == 0, "shutdown");
    while (receive(socket, &info, &end) > 0) bad++;
    usrsctp_close(socket);
  }
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
  }
  if (!strcmp(how, "abort")) abort_association(association);
  else usrsctp_close(association);
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
  struct socket *socket = open_socket(inside_udp, words[3], is_server ? port : 0);
  int failed = is_server ? server(socket, messages, how) : client(socket, address_of(words[4], port), messages, how);
  for (int round = 0; round < 50 && usrsctp_finish(); round++) usleep(100000);
  fflush(stdout);
  return failed;
}
