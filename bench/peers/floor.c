/* The floor: an epoll loop that does as little as a Socket.IO server can, one send per message and viewer.
 *
 * It stores nothing, checks nothing and knows one room. What it costs is nearly all the kernel's. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define MOST 20000

struct client { int fd, viewer; size_t size; char *kept; };

static struct client clients[MOST];
static int room[MOST], members;
static long seq;
static char buffer[1 << 20], frame[1 << 17];

static void send_all(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) { poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 1000); continue; }
        if (n < 0) return;
        data += n;
        size -= (size_t)n;
    }
}

static size_t make_frame(const char *text, size_t size) {
    size_t head = 2;
    frame[0] = (char)0x81;
    if (size < 126) frame[1] = (char)size;
    else { frame[1] = 126; frame[2] = (char)(size >> 8); frame[3] = (char)size; head = 4; }
    memcpy(frame + head, text, size);
    return head + size;
}

static void tell(int fd, const char *text) { send_all(fd, frame, make_frame(text, strlen(text))); }

static void publish(const char *text, size_t size) {
    size_t whole = make_frame(text, size);
    for (int i = 0; i < members; i++) send_all(room[i], frame, whole);
}

static void publish_lines(const char *text, const char *end) {
    static char event[1 << 16];
    while (text < end) {
        const char *stop = memmem(text, (size_t)(end - text), "\\n", 2);
        if (!stop) stop = end;
        int n = snprintf(event, sizeof event,
                         "42[\"job:log\",{\"jobId\":\"bench\",\"projectId\":\"bench\",\"seq\":%ld,\"line\":%ld,"
                         "\"at\":\"2026-01-01T00:00:00.000Z\",\"stream\":\"stdout\",\"level\":null,\"message\":\"%.*s\"}]",
                         seq, seq, (int)(stop - text), text);
        seq++;
        publish(event, (size_t)n);
        text = stop + 2;
    }
}

static void take_body(int fd, const char *body, size_t size) {
    static char event[1 << 16];
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    send_all(fd, answer, sizeof answer - 1);
    const char *message = memmem(body, size, "\"message\": \"", 12), *end = message ? memchr(message + 12, '"', size) : NULL;
    if (end && memmem(body, size, "\"log\"", 5)) publish_lines(message + 12, end);
    else publish(event, (size_t)snprintf(event, sizeof event, "42[\"job:progress\",%.*s]", (int)size, body));
}

static size_t take_request(struct client *c, const char *data, size_t size) {
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end + 4 - data), length = 0;
    if (data[0] == 'G') {
        static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        c->viewer = 1;
        send_all(c->fd, upgrade, sizeof upgrade - 1);
        tell(c->fd, "0{\"sid\":\"floor\",\"upgrades\":[],\"pingInterval\":20000,\"pingTimeout\":20000,\"maxPayload\":65536}");
        return head;
    }
    const char *line = strcasestr(data, "content-length:");
    if (line && line < end) length = strtoul(line + 15, NULL, 10);
    if (size < head + length) return 0;
    take_body(c->fd, data + head, length);
    return head + length;
}

static size_t take_frame(struct client *c, char *data, size_t size) {
    size_t length = (size_t)(data[1] & 127), head = 6;
    if (size < 6 || size < head + length) return 0;
    char *text = data + head;
    for (size_t i = 0; i < length; i++) text[i] ^= data[2 + (i & 3)];
    if (length >= 2 && !memcmp(text, "40", 2)) tell(c->fd, "40{\"sid\":\"floor\"}");
    else if (length >= 3 && !memcmp(text, "420", 3)) {
        room[members++] = c->fd;
        tell(c->fd, "430[{\"ok\":true}]");
    }
    return head + length;
}

static void leave(struct client *c) {
    for (int i = 0; i < members; i++)
        if (room[i] == c->fd) room[i--] = room[--members];
    close(c->fd);
    free(c->kept);
    memset(c, 0, sizeof *c);
}

static void receive(struct client *c) {
    if (c->size) memcpy(buffer, c->kept, c->size);
    ssize_t n = recv(c->fd, buffer + c->size, sizeof buffer - c->size, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) { leave(c); return; }
    size_t size = c->size + (size_t)n, taken = 0, step;
    do {
        step = size - taken < 2 ? 0 : c->viewer ? take_frame(c, buffer + taken, size - taken)
                                                : take_request(c, buffer + taken, size - taken);
        taken += step;
    } while (step);
    c->size = size - taken;
    if (c->size) { c->kept = realloc(c->kept, c->size); memcpy(c->kept, buffer + taken, c->size); }
}

int main(void) {
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(getenv("PORT")))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 1024)) { perror("floor"); return 1; }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) { receive(events[i].data.ptr); continue; }
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0) continue;
            if (fd >= MOST) { close(fd); continue; }
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            clients[fd] = (struct client){.fd = fd};
            e = (struct epoll_event){.events = EPOLLIN, .data.ptr = &clients[fd]};
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
        }
    }
}
