/* What every part of init needs. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

#define MOST_STRINGS 4096

_Noreturn void power_off(void)
{
    sync();
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

_Noreturn void give_up(const char *format, ...)
{
    va_list arguments;
    int number = errno;
    fputs("lab: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, ": %s\n", strerror(number));
    power_off();
}

char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        give_up("cannot open %s", path);
    char *text = NULL;
    *size = 0;
    for (size_t room = 0;;) {
        if (*size + 1 >= room) {
            room = room ? 2 * room : 4096;
            text = realloc(text, room);
            if (!text)
                give_up("no memory for %s", path);
        }
        size_t got = fread(text + *size, 1, room - *size - 1, file);
        if (got == 0)
            break;
        *size += got;
    }
    fclose(file);
    text[*size] = 0;
    return text;
}

char **read_strings(const char *path)
{
    static char *empty[1];
    size_t size;
    char *text = read_file(path, &size);
    char **strings = calloc(MOST_STRINGS + 1, sizeof *strings);
    size_t count = 0;
    if (!strings)
        return empty;
    for (char *at = text; at < text + size && count < MOST_STRINGS; at += strlen(at) + 1)
        strings[count++] = at;
    return strings;
}

void make_directories(const char *path)
{
    char partial[4096];
    snprintf(partial, sizeof partial, "%s", path);
    for (char *at = partial + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        mkdir(partial, 0755);
        *at = '/';
    }
    mkdir(partial, 0755);
}

void write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        bytes += done;
        size -= (size_t)done;
    }
}
