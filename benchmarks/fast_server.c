// An HTTP server that is never what is measured: one process, epoll, the same few bytes for all.
//
// It prints its port. GET /count, which is not counted, tells how many answers it has given; the
// head of an answer on /unique differs from all others. Requests come whole and one at a time.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 09:00:00 GMT\r\nServer: fast\r\n"                   \
    "Content-Type: application/json\r\n"
#define BODY "Content-Length: 28\r\n\r\n{\"id\": 1, \"name\": \"someone\"}"

static unsigned long answers;

static size_t answer(const char *request, char *out, size_t size) {
    if (!strncmp(request, "GET /count", 10)) {
        char text[32];
        int length = snprintf(text, sizeof text, "%lu", answers);
        return snprintf(out, size, HEAD "Content-Length: %d\r\n\r\n%s", length, text);
    }
    answers++;
    if (!strncmp(request, "GET /unique", 11))
        return snprintf(out, size, HEAD "X-Request-Id: %032lx\r\n" BODY, answers);
    memcpy(out, HEAD BODY, sizeof HEAD BODY);
    return sizeof HEAD BODY - 1;
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    static char request[65536], out[1024];
    for (;;) {
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                event.data.fd = accept(listener, NULL, NULL);
                setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
                continue;
            }
            ssize_t got = recv(fd, request, sizeof request - 1, 0);
            if (got <= 0) {
                close(fd);
                continue;
            }
            request[got] = 0;
            send(fd, out, answer(request, out, sizeof out), MSG_NOSIGNAL);
        }
    }
}
