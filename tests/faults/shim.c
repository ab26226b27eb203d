/* Counts what a process does to files below a folder, and at one of these calls kills it, or from
 * then on has no room or nothing to write to. Loaded by LD_PRELOAD; armed by `faults_arm`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, KILL, FULL, READ_ONLY };

static char root[4096];
static int mode = -1;
static long at, count;

void faults_arm(const char *folder, int what, long call) {
    strncpy(root, folder, sizeof root - 1);
    at = call;
    count = 0;
    mode = what;
}

long faults_count(void) { return count; }

static int below(const char *path) {
    return mode >= 0 && path && strncmp(path, root, strlen(root)) == 0;
}

static int fd_below(int fd) {
    char link[64], path[4096];
    if (mode < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

/* Whether this call is to fail; `needs_room` where a full disk would refuse it. */
static int fault(int needs_room) {
    long call = __sync_add_and_fetch(&count, 1);
    if (mode == KILL && call == at) kill(getpid(), SIGKILL);
    if (call < at) return 0;
    if (mode == FULL && needs_room) { errno = ENOSPC; return 1; }
    if (mode == READ_ONLY) { errno = EROFS; return 1; }
    return 0;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t bits = va_arg(rest, mode_t); va_end(rest); \
        REAL(int, #name, const char *, int, ...); \
        if (flags & WRITES && below(path) && fault(flags & O_CREAT)) return -1; \
        return real(path, flags, bits); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t bits = va_arg(rest, mode_t); va_end(rest); \
        REAL(int, #name, int, const char *, int, ...); \
        if (flags & WRITES && below(path) && fault(flags & O_CREAT)) return -1; \
        return real(folder, path, flags, bits); \
    }
OPENAT(openat)
OPENAT(openat64)

/* A write that is killed leaves half of itself. */
ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (fd_below(fd)) {
        if (mode == KILL && count + 1 == at) real(fd, data, size / 2);
        if (fault(1)) return -1;
    }
    return real(fd, data, size);
}

#define PWRITE(name) \
    ssize_t name(int fd, const void *data, size_t size, off_t offset) { \
        REAL(ssize_t, #name, int, const void *, size_t, off_t); \
        if (fd_below(fd)) { \
            if (mode == KILL && count + 1 == at) real(fd, data, size / 2, offset); \
            if (fault(1)) return -1; \
        } \
        return real(fd, data, size, offset); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t writev(int fd, const struct iovec *parts, int n) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    return fd_below(fd) && fault(1) ? -1 : real(fd, parts, n);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
    REAL(ssize_t, "sendfile", int, int, off_t *, size_t);
    return fd_below(to) && fault(1) ? -1 : real(to, from, offset, size);
}

ssize_t sendfile64(int to, int from, off_t *offset, size_t size) {
    REAL(ssize_t, "sendfile64", int, int, off_t *, size_t);
    return fd_below(to) && fault(1) ? -1 : real(to, from, offset, size);
}

int ftruncate(int fd, off_t size) {
    REAL(int, "ftruncate", int, off_t);
    return fd_below(fd) && fault(1) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off_t size) {
    REAL(int, "ftruncate64", int, off_t);
    return fd_below(fd) && fault(1) ? -1 : real(fd, size);
}

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return below(to) && fault(0) ? -1 : real(from, to);
}

int link(const char *from, const char *to) {
    REAL(int, "link", const char *, const char *);
    return below(to) && fault(1) ? -1 : real(from, to);
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    return below(path) && fault(0) ? -1 : real(path);
}

int mkdir(const char *path, mode_t bits) {
    REAL(int, "mkdir", const char *, mode_t);
    return below(path) && fault(1) ? -1 : real(path, bits);
}

int rmdir(const char *path) {
    REAL(int, "rmdir", const char *);
    return below(path) && fault(0) ? -1 : real(path);
}

/* What is free, which `write_beside` asks when a library does not say why it could not write. */
int statvfs(const char *path, struct statvfs *found) {
    REAL(int, "statvfs", const char *, struct statvfs *);
    int result = real(path, found);
    if (mode == FULL && count >= at) found->f_bavail = found->f_bfree = 0;
    return result;
}
