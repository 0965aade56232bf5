#include "failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*release_sleepers)(void);
static atomic_flag failed = ATOMIC_FLAG_INIT;

void OnFailure(void (*release)(void)) { release_sleepers = release; }

static void PrintEscaped(const char* text) {
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\') putchar('\\');
    putchar((unsigned char)*text < ' ' ? ' ' : *text);
  }
}

void Fail(const char* code, const char* format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (atomic_flag_test_and_set(&failed)) {
    // Another thread is about to end the process.
    for (;;) pause();
  }
  printf("{\"error\":{\"code\":\"%s\",\"message\":\"", code);
  PrintEscaped(message);
  printf("\"}}\n");
  fflush(stdout);
  if (release_sleepers != NULL) release_sleepers();
  _exit(EXIT_FAILURE);
}

void FailErrno(const char* code, const char* what) { Fail(code, "%s: %s", what, strerrordesc_np(errno)); }

long Checked(long result, const char* code, const char* what) {
  if (result < 0) FailErrno(code, what);
  return result;
}

void* Allocate(unsigned long count, unsigned long size) {
  void* memory = calloc(count, size);
  if (memory == NULL) Fail("MEMORY", "no memory for %lu times %lu bytes", count, size);
  return memory;
}
