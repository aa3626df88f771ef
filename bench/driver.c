/* A cheap load driver: raw Socket.IO viewers and keep-alive HTTP posters on one epoll loop.
 *
 * A message carries the time at which it was due as @nineteen digits@ in its text; latency is counted
 * from there to its arrival, so that a server that falls behind cannot hide it. Only such messages count.
 *
 * It prints {"ready": N} when all viewers have subscribed, waits for a line on stdin, posts, waits until
 * everything arrived (or nothing more does), prints its figures as one line of JSON, and keeps its viewers
 * until stdin ends. Another line on stdin ends the posting early. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define DIGITS 19
#define MARK "@0000000000000000000@"
#define NAME_MARK "######"
#define MAX_STAMPS 4096
#define CONNECTING_AT_ONCE 32

enum kind { VIEWER, POSTER, INPUT };
enum state { HANDSHAKE, OPENING, JOINING, LIVE, CLOSED };

struct connection {
    enum kind kind;
    enum state state;
    int fd;
    char *kept;             /* the beginning of what has not come whole yet */
    size_t kept_size, kept_room;
    char *request;          /* a poster's */
    size_t request_size;
    int64_t sent_at;
    int busy;
};

struct histogram { uint64_t count, at[64 * 64]; int64_t most; };

static int port, viewers, posters, lines = 1, turns, epoll;
static double rate, seconds = 3, patience = 5;
static long limit = -1;
static const char *subscribe = "420[\"subscribe:job\",\"bench\"]", *path = "/api/updates", *body_file;
static const char *type = "application/json";
static struct connection *all;
static int opened, live, closed;
static uint64_t messages, bytes, posts, errors, late;
static struct histogram delivery, answer;
static int64_t last_message;
static size_t stamps[MAX_STAMPS], stamp_count;
static char buffer[1 << 20];

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what) { perror(what); exit(1); }

static void record(struct histogram *h, int64_t value) {
    if (value < 64) value = 64;
    int e = 63 - __builtin_clzll((uint64_t)value);
    h->at[e * 64 + ((value >> (e - 6)) & 63)]++;
    h->count++;
    if (value > h->most) h->most = value;
}

static double quantile(const struct histogram *h, double q) {
    uint64_t want = (uint64_t)(q * (double)h->count), seen = 0;
    for (int i = 0; i < 64 * 64; i++)
        if ((seen += h->at[i]) > want) {
            int e = i / 64;
            return (double)((1LL << e) + ((int64_t)(i % 64) << (e - 6))) / 1e6;
        }
    return (double)h->most / 1e6;
}

static void send_all(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 1000);
            continue;
        }
        if (n < 0) return; /* the read side will see it */
        data += n;
        size -= (size_t)n;
    }
}

/* A client's frame must be masked; a mask of zeros leaves the text as it is. */
static void send_frame(int fd, int opcode, const char *text, size_t size) {
    char frame[4096 + 8];
    size_t head = 2;
    frame[0] = (char)(0x80 | opcode);
    if (size < 126) frame[1] = (char)(0x80 | size);
    else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(size >> 8);
        frame[3] = (char)size;
        head = 4;
    }
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, text, size);
    send_all(fd, frame, head + 4 + size);
}

static void open_connection(struct connection *c) {
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0) die("socket");
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
    c->state = c->kind == VIEWER ? HANDSHAKE : LIVE;
    if (c->kind == VIEWER) {
        char request[512];
        int n = snprintf(request, sizeof request,
                         "GET /ws/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                         "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", port);
        send_all(c->fd, request, (size_t)n);
    }
}

static void close_connection(struct connection *c) {
    if (c->state == CLOSED) return;
    if (c->kind == POSTER && c->busy) errors++;
    if (c->kind == VIEWER) closed++;
    c->state = CLOSED;
    c->busy = 0;
    close(c->fd);
}

static void take_event(const char *text, size_t size, int64_t time) {
    const char *at = memchr(text, '@', size);
    if (!at || text + size - at < DIGITS + 2 || at[DIGITS + 1] != '@') return;
    int64_t due = 0;
    for (int i = 1; i <= DIGITS; i++) due = due * 10 + (at[i] - '0');
    if (!due) return;
    messages++;
    bytes += size;
    record(&delivery, time - due);
    last_message = time;
}

static void take_text(struct connection *c, const char *text, size_t size, int64_t time) {
    if (size >= 2 && text[0] == '4' && text[1] == '2') take_event(text, size, time);
    else if (size && text[0] == '2') send_frame(c->fd, 1, "3", 1);
    else if (size && text[0] == '0') send_frame(c->fd, 1, "40", 2);
    else if (size >= 2 && text[0] == '4' && text[1] == '0' && c->state == OPENING) {
        c->state = JOINING;
        send_frame(c->fd, 1, subscribe, strlen(subscribe));
    } else if (size >= 2 && text[0] == '4' && text[1] == '3' && c->state == JOINING) {
        c->state = LIVE;
        live++;
        if (memmem(text, size, "\"ok\":false", 10)) { fprintf(stderr, "%.*s\n", (int)size, text); exit(1); }
    }
}

/* Returns how many bytes of whole frames were taken. */
static size_t take_frames(struct connection *c, const char *data, size_t size, int64_t time) {
    size_t taken = 0;
    while (size - taken >= 2 && c->state != CLOSED) {
        const unsigned char *f = (const unsigned char *)data + taken;
        size_t length = f[1] & 127, head = 2;
        if (length == 126) {
            if (size - taken < 4) break;
            length = (size_t)f[2] << 8 | f[3];
            head = 4;
        } else if (length == 127) {
            if (size - taken < 10) break;
            length = 0;
            for (int i = 2; i < 10; i++) length = length << 8 | f[i];
            head = 10;
        }
        if (size - taken < head + length) break;
        int opcode = f[0] & 15;
        if (opcode == 1) take_text(c, (const char *)f + head, length, time);
        else if (opcode == 9) send_frame(c->fd, 10, (const char *)f + head, length);
        else if (opcode == 8) { close_connection(c); break; }
        taken += head + length;
    }
    return taken;
}

static size_t take_handshake(struct connection *c, const char *data, size_t size) {
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return 0;
    if (size < 12 || memcmp(data + 9, "101", 3)) {
        fprintf(stderr, "no websocket: %.*s\n", (int)(end - data), data);
        exit(1);
    }
    c->state = OPENING;
    return (size_t)(end + 4 - data);
}

static size_t take_answer(struct connection *c, const char *data, size_t size, int64_t time) {
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end + 4 - data), length = 0;
    for (const char *line = data; line < end; line = (const char *)memmem(line, (size_t)(end + 2 - line), "\r\n", 2) + 2)
        if (!strncasecmp(line, "content-length:", 15)) length = strtoul(line + 15, NULL, 10);
    if (size < head + length) return 0;
    if (memcmp(data + 9, "200", 3)) {
        if (!errors++) fprintf(stderr, "%.*s\n", (int)(head + length), data);
    } else posts++;
    record(&answer, time - c->sent_at);
    c->busy = 0;
    return head + length;
}

static size_t take(struct connection *c, const char *data, size_t size, int64_t time) {
    if (c->kind == POSTER) return take_answer(c, data, size, time);
    size_t taken = c->state == HANDSHAKE ? take_handshake(c, data, size) : 0;
    if (c->state != HANDSHAKE) taken += take_frames(c, data + taken, size - taken, time);
    return taken;
}

static void receive(struct connection *c) {
    if (c->kept_size) memcpy(buffer, c->kept, c->kept_size);
    ssize_t n = recv(c->fd, buffer + c->kept_size, sizeof buffer - c->kept_size, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) { close_connection(c); return; }
    size_t size = c->kept_size + (size_t)n, taken = take(c, buffer, size, now());
    c->kept_size = size - taken;
    if (c->kept_size > c->kept_room) {
        c->kept_room = c->kept_size * 2;
        c->kept = realloc(c->kept, c->kept_room);
    }
    if (c->kept_size) memcpy(c->kept, buffer + taken, c->kept_size);
}

static void post(struct connection *c, int64_t due) {
    char digits[DIGITS + 1];
    snprintf(digits, sizeof digits, "%019lld", (long long)due);
    for (size_t i = 0; i < stamp_count; i++) memcpy(c->request + stamps[i] + 1, digits, DIGITS);
    c->busy = 1;
    c->sent_at = due;
    send_all(c->fd, c->request, c->request_size);
}

static void make_request(struct connection *c, int number) {
    static char body[1 << 20];
    FILE *file = fopen(body_file, "rb");
    if (!file) die(body_file);
    size_t size = fread(body, 1, sizeof body, file);
    fclose(file);
    char head[512], name[16];
    int n = snprintf(head, sizeof head,
                     "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                     path, port, type, size);
    c->request = malloc((size_t)n + size);
    c->request_size = (size_t)n + size;
    memcpy(c->request, head, (size_t)n);
    memcpy(c->request + n, body, size);
    snprintf(name, sizeof name, "%06d", number);
    for (char *at; (at = memmem(c->request, c->request_size, NAME_MARK, 6));) memcpy(at, name, 6);
    stamp_count = 0;
    for (char *at = c->request; (at = memmem(at, c->request_size - (size_t)(at - c->request), MARK, DIGITS + 2));
         at += DIGITS + 2)
        if (stamp_count < MAX_STAMPS) stamps[stamp_count++] = (size_t)(at - c->request);
}

static int wait_for_events(int timeout) {
    struct epoll_event events[256];
    int n = epoll_wait(epoll, events, 256, timeout), told = 0;
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        if (c->kind == INPUT) told = 1;
        else if (c->state != CLOSED) receive(c);
    }
    return told;
}

static void open_viewers(void) {
    while (live + closed < viewers) {
        while (opened < viewers && opened - live - closed < CONNECTING_AT_ONCE) open_connection(&all[opened++]);
        wait_for_events(100);
    }
}

static int wait_for_word(void) {
    char word[64];
    while (!wait_for_events(1000)) {}
    return read(0, word, sizeof word) > 0;
}

static void run(void) {
    struct connection *poster = all + viewers;
    int64_t begun = now(), ends = begun + (int64_t)(seconds * 1e9), stopped = 0, due = begun;
    int64_t step = rate > 0 ? (int64_t)(1e9 / rate) : 0;
    long sent = 0;
    int first = 0, next = 0;
    last_message = begun;
    for (;;) {
        int64_t time = now();
        int busy = 0, posting = time < ends && (limit < 0 || sent < limit);
        for (int i = 0; i < posters; i++) {
            int number = (first + i) % posters;
            struct connection *c = &poster[number];
            if (!c->busy && c->state == LIVE && posting && (!step || due <= time)) {
                if (step && time - due > 5000000) late++;
                post(c, step ? due : time);
                due += step;
                posting = limit < 0 || ++sent < limit;
                if (turns) next = (number + 1) % posters;
            }
            busy += c->busy;
        }
        first = next;
        if (!posting && !busy) {
            uint64_t expected = posts * (uint64_t)lines * (uint64_t)viewers;
            if (!stopped) stopped = time;
            int64_t last = last_message > stopped ? last_message : stopped;
            if (messages >= expected || time - last > (int64_t)(patience * 1e9)) break;
        }
        int timeout = 100;
        if (step && posting && busy < posters) timeout = due - time > 2000000 ? (int)((due - time) / 1000000) - 1 : 0;
        if (wait_for_events(timeout)) {
            char word[64];
            ends = 0;
            if (read(0, word, sizeof word) <= 0) exit(0);
        }
    }
    printf("{\"posts\": %lu, \"errors\": %lu, \"late\": %lu, \"messages\": %lu, \"expected\": %lu, \"bytes\": %lu, "
           "\"closed\": %d, \"posting_s\": %.6f, \"seconds\": %.6f, "
           "\"post_p50\": %.4f, \"post_p99\": %.4f, \"post_max\": %.4f, "
           "\"p50\": %.4f, \"p99\": %.4f, \"max\": %.4f}\n",
           posts, errors, late, messages, posts * (uint64_t)lines * (uint64_t)viewers, bytes, closed,
           (double)(stopped - begun) / 1e9, (double)(now() - begun) / 1e9,
           quantile(&answer, .5), quantile(&answer, .99), (double)answer.most / 1e6,
           quantile(&delivery, .5), quantile(&delivery, .99), (double)delivery.most / 1e6);
    fflush(stdout);
}

int main(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--port")) port = atoi(value);
        else if (!strcmp(name, "--viewers")) viewers = atoi(value);
        else if (!strcmp(name, "--posters")) posters = atoi(value);
        else if (!strcmp(name, "--lines")) lines = atoi(value);
        else if (!strcmp(name, "--turns")) turns = atoi(value); /* each poster in its turn, also at a pace */
        else if (!strcmp(name, "--rate")) rate = atof(value);
        else if (!strcmp(name, "--seconds")) seconds = atof(value);
        else if (!strcmp(name, "--patience")) patience = atof(value);
        else if (!strcmp(name, "--count")) limit = atol(value);
        else if (!strcmp(name, "--subscribe")) subscribe = value;
        else if (!strcmp(name, "--path")) path = value;
        else if (!strcmp(name, "--type")) type = value;
        else if (!strcmp(name, "--body")) body_file = value;
        else { fprintf(stderr, "driver: unknown %s\n", name); return 2; }
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(0);
    all = calloc((size_t)(viewers + posters + 1), sizeof *all);
    struct connection *input = &all[viewers + posters];
    input->kind = INPUT;
    for (int i = 0; i < posters; i++) {
        all[viewers + i].kind = POSTER;
        make_request(&all[viewers + i], i);
    }
    open_viewers();
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &(struct epoll_event){.events = EPOLLIN, .data.ptr = input});
    printf("{\"ready\": %d}\n", live);
    fflush(stdout);
    if (!wait_for_word()) return 0;
    for (int i = 0; i < posters; i++) open_connection(&all[viewers + i]);
    run();
    wait_for_word();
    return 0;
}
