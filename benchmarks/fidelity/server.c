/* A service that logs the truth: `server TIMES LOG BEGIN LENGTH PERIOD GAP`, times in nanoseconds.
 *
 * The n-th request that arrives takes the n-th service time of the file TIMES (64-bit integers,
 * from the start again after the last), however many others are in flight: it only waits.
 * From BEGIN on after the first arrival, and again each PERIOD, nothing is answered for LENGTH.
 * The answers held back leave afterwards in the order in which they were ready, GAP apart, and
 * those that become ready meanwhile queue behind them. See services.py for the same in Python.
 *
 * It prints its port. Once its standard input ends, it writes a line for each request to LOG: the
 * number `at` of its query (0 without one), its arrival, and when its answer left (0: never),
 * the last two in nanoseconds of CLOCK_MONOTONIC.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 65536, BUFFER = 4096, EVENTS = 256 };
static const char ANSWER[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

struct record { double at; int64_t arrival, done; };
struct waiting { int64_t due, record; int fd, held; };  /* an answer that is ready at `due` */
struct connection { int64_t record; int length; char data[BUFFER]; };  /* record -1: none open */

static struct record *records;
static int64_t record_count, record_room;
static struct waiting *heap;  /* binary heap: the earliest due first, in the order of arrival */
static int64_t heap_count, heap_room;
static struct connection *connections[CONNECTIONS];
static int64_t *times, time_count, stall_begin, stall_length, stall_period, stall_gap, caught_up;
static int poller, timer;

static void fail(const char *what) { perror(what); exit(1); }

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *room(void *array, int64_t count, int64_t *capacity, size_t size) {
    if (count < *capacity) return array;
    *capacity = *capacity ? 2 * *capacity : 4096;
    if (!(array = realloc(array, *capacity * size))) fail("realloc");
    return array;
}

static int before(struct waiting a, struct waiting b) {
    return a.due < b.due || (a.due == b.due && a.record < b.record);
}

static void push(struct waiting one) {
    heap = room(heap, heap_count, &heap_room, sizeof *heap);
    int64_t i = heap_count++;
    for (; i && before(one, heap[(i - 1) / 2]); i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = one;
}

static struct waiting pop(void) {
    struct waiting first = heap[0], last = heap[--heap_count];
    int64_t i = 0, child;
    while ((child = 2 * i + 1) < heap_count) {
        if (child + 1 < heap_count && before(heap[child + 1], heap[child])) child++;
        if (!before(heap[child], last)) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return first;
}

/* When an answer that is ready at `ready` may leave; to be asked in the order of readiness. */
static int64_t leaves(int64_t ready) {
    int64_t since = ready - records[0].arrival - stall_begin;
    int64_t into = since % stall_period, out = ready;
    if (since >= 0 && into < stall_length) out += stall_length - into;
    if (out < caught_up) out = caught_up;
    if (out > ready) caught_up = out + stall_gap;
    return out;
}

static void leave(int fd) {
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

static void greet(int listener) {
    int one = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= CONNECTIONS || !(connections[fd] = malloc(sizeof *connections[fd]))) {
            close(fd);
            continue;
        }
        connections[fd]->record = -1;
        connections[fd]->length = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
    }
}

static void hear(int fd) {
    struct connection *c = connections[fd];
    ssize_t got = recv(fd, c->data + c->length, BUFFER - 1 - c->length, 0);
    int64_t arrival = now();
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) { leave(fd); return; }
    c->data[c->length += got] = 0;
    if (!strstr(c->data, "\r\n\r\n")) return;  /* requests have no body, and are not pipelined */
    *strchr(c->data, '\r') = 0;
    const char *at = strstr(c->data, "at=");
    records = room(records, record_count, &record_room, sizeof *records);
    records[record_count] = (struct record){at ? strtod(at + 3, NULL) : 0, arrival, 0};
    int64_t ready = arrival + times[record_count % time_count];
    push((struct waiting){ready, record_count, fd, 0});
    c->record = record_count++;
    c->length = 0;
}

/* Send what is due, and set the alarm for the next. */
static void answer(void) {
    while (heap_count && heap[0].due <= now()) {
        struct waiting one = pop();
        struct connection *c = connections[one.fd];
        int64_t out = one.held ? one.due : leaves(one.due);
        if (out > one.due) {
            push((struct waiting){out, one.record, one.fd, 1});
            continue;
        }
        if (!c || c->record != one.record) continue;  /* its client has gone */
        c->record = -1;
        /* Before it is sent: the receiver may run before `send` returns. */
        records[one.record].done = now();
        if (send(one.fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL) < 0) {
            records[one.record].done = 0;
        }
    }
    struct itimerspec alarm = {0};
    if (heap_count) {
        alarm.it_value.tv_sec = heap[0].due / 1000000000;
        alarm.it_value.tv_nsec = heap[0].due % 1000000000;
    }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &alarm, NULL);
}

static int listening(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 4096)) fail("listen");
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

static void read_times(const char *path) {
    FILE *file = fopen(path, "rb");
    int64_t capacity = 0, one;
    if (!file) fail(path);
    while (fread(&one, sizeof one, 1, file) == 1) {
        times = room(times, time_count, &capacity, sizeof *times);
        times[time_count++] = one;
    }
    fclose(file);
    if (!time_count) fail("no service times");
}

static void write_log(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) fail(path);
    for (int64_t i = 0; i < record_count; i++) {
        fprintf(file, "%.17g %lld %lld\n", records[i].at, (long long)records[i].arrival,
                (long long)records[i].done);
    }
    if (fclose(file)) fail(path);
}

int main(int count, char **given) {
    if (count != 7) return 2;
    read_times(given[1]);
    stall_begin = atoll(given[3]);
    stall_length = atoll(given[4]);
    stall_period = atoll(given[5]);
    stall_gap = atoll(given[6]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    /* A timerfd: the time-out of epoll_wait itself is in whole milliseconds. */
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int listener = listening();
    watch(listener);
    watch(timer);
    watch(STDIN_FILENO);
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) greet(listener);
            else if (fd == STDIN_FILENO) { write_log(given[2]); return 0; }
            else if (fd != timer) hear(fd);  /* setting the alarm again makes it unreadable */
        }
        answer();
    }
}
