// LD_PRELOAD: buses that are not there. Test only.
//   /smartair/<name>  opens the file <name> in the folder SMARTAIR_BUS: a pseudo terminal for a UART, anything for I2C
//   I2C_RDWR          is answered by the emulators behind the Unix socket <SMARTAIR_BUS>/i2c.sock
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char PREFIX[] = "/smartair/";

static const char *mapped(const char *path, char *buffer, size_t size) {
  if (strncmp(path, PREFIX, sizeof PREFIX - 1) != 0) return path;
  snprintf(buffer, size, "%s/%s", getenv("SMARTAIR_BUS"), path + sizeof PREFIX - 1);
  return buffer;
}

int open(const char *path, int flags, ...) {
  char buffer[512];
  va_list ap;
  va_start(ap, flags);
  mode_t mode = va_arg(ap, mode_t);
  va_end(ap);
  return openat(AT_FDCWD, mapped(path, buffer, sizeof buffer), flags, mode);
}
int open64(const char *path, int flags, ...) {
  char buffer[512];
  va_list ap;
  va_start(ap, flags);
  mode_t mode = va_arg(ap, mode_t);
  va_end(ap);
  return openat(AT_FDCWD, mapped(path, buffer, sizeof buffer), flags, mode);
}

static int sock = -1;
static int all(int out, void *p, size_t n) {
  for (size_t o = 0; o < n;) {
    ssize_t r = out ? send(sock, (char *) p + o, n - o, MSG_NOSIGNAL) : recv(sock, (char *) p + o, n - o, 0);
    if (r <= 0) return -1;
    o += r;
  }
  return 0;
}

int ioctl(int fd, unsigned long request, ...) {
  va_list ap;
  va_start(ap, request);
  void *arg = va_arg(ap, void *);
  va_end(ap);
  if (request != I2C_RDWR) {
    static int (*real)(int, unsigned long, ...);
    if (!real) real = dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, arg);
  }
  if (sock < 0) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/i2c.sock", getenv("SMARTAIR_BUS"));
    sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(sock, (struct sockaddr *) &address, sizeof address) < 0) {
      close(sock);
      sock = -1;
      errno = EIO;
      return -1;
    }
  }
  struct i2c_rdwr_ioctl_data *data = arg;
  uint8_t n = data->nmsgs;
  int ok = all(1, &n, 1);
  for (unsigned i = 0; i < data->nmsgs && ok == 0; i++) {
    struct i2c_msg *m = &data->msgs[i];
    uint16_t head[3] = {m->addr, m->flags, m->len};
    ok = all(1, head, sizeof head);
    if (ok == 0 && !(m->flags & I2C_M_RD)) ok = all(1, m->buf, m->len);
  }
  int32_t rc;
  if (ok < 0 || all(0, &rc, sizeof rc) < 0) {
    errno = EIO;
    return -1;
  }
  if (rc < 0) {
    errno = -rc;
    return -1;
  }
  for (unsigned i = 0; i < data->nmsgs; i++) {
    struct i2c_msg *m = &data->msgs[i];
    if ((m->flags & I2C_M_RD) && all(0, m->buf, m->len) < 0) {
      errno = EIO;
      return -1;
    }
  }
  return data->nmsgs;
}
