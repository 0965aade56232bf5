/* The command's output streams. A program shows colours and progress on a terminal alone, so it is given one where the host has one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "init.h"

struct terminals read_terminals(void)
{
    struct terminals terminals = {0};
    size_t size;
    sscanf(read_file("/lab/terminal", &size), "%d %d %hu %hu", &terminals.is_out, &terminals.is_err, &terminals.size.ws_col,
           &terminals.size.ws_row);
    return terminals;
}

static struct stream open_terminal(const struct winsize *size)
{
    struct stream stream = {.reading = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), .writing = -1};
    if (stream.reading < 0 || grantpt(stream.reading) != 0 || unlockpt(stream.reading) != 0)
        give_up("cannot make a terminal");
    stream.writing = open(ptsname(stream.reading), O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios settings;
    if (stream.writing < 0 || tcgetattr(stream.writing, &settings) != 0)
        give_up("cannot open the terminal");
    /* Bytes pass as they are: the host's terminal ends the lines. */
    settings.c_oflag &= ~(tcflag_t)OPOST;
    settings.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(stream.writing, TCSANOW, &settings) != 0 || ioctl(stream.writing, TIOCSWINSZ, size) != 0)
        give_up("cannot set up the terminal");
    return stream;
}

struct stream open_stream(int is_terminal, const struct winsize *size)
{
    if (is_terminal)
        return open_terminal(size);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        give_up("cannot make a pipe");
    return (struct stream){.reading = ends[0], .writing = ends[1]};
}
