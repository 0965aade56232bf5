#include "elf_image.h"

#include <elf.h>
#include <string.h>

#include "../../guest/include/abi.h"
#include "failure.h"

#define MOST_GUEST_BYTES (64ULL << 20)

static _Noreturn void Refuse(const char* path, const char* why) {
  Fail("GUEST_ELF", "%s is not a guest this VMM can load: %s", path, why);
}

// `size` bytes at `offset`, or a refusal.
static const void* Within(const struct elf_image* elf, uint64_t offset, uint64_t size, const char* what) {
  if (offset > elf->file.size || size > elf->file.size - offset) Refuse(elf->path, what);
  return elf->file.data + offset;
}

static void AddSegment(struct elf_image* elf, const Elf64_Phdr* header) {
  if (header->p_type != PT_LOAD || header->p_memsz == 0) return;
  Within(elf, header->p_offset, header->p_filesz, "a segment lies outside the file");
  if (header->p_memsz < header->p_filesz) Refuse(elf->path, "a segment is larger in the file than in memory");
  if (header->p_vaddr < IMAGE_BASE || header->p_vaddr >= IMAGE_LIMIT || header->p_memsz > IMAGE_LIMIT - header->p_vaddr)
    Refuse(elf->path, "a segment lies outside the guest's image range");
  if (elf->segment_count == MOST_SEGMENTS) Refuse(elf->path, "it has too many segments");
  for (unsigned i = 0; i < elf->segment_count; i++) {
    const struct segment* other = &elf->segments[i];
    const uint64_t last = (header->p_vaddr + header->p_memsz - 1) / PAGE_SIZE;
    const uint64_t other_last = (other->address + other->memory_size - 1) / PAGE_SIZE;
    if (header->p_vaddr / PAGE_SIZE <= other_last && other->address / PAGE_SIZE <= last)
      Refuse(elf->path, "two segments share a page");
  }
  elf->segments[elf->segment_count++] = (struct segment){
      .address = header->p_vaddr,
      .file_offset = header->p_offset,
      .file_size = header->p_filesz,
      .memory_size = header->p_memsz,
      .flags = header->p_flags,
  };
}

struct elf_image ReadElf(const char* path) {
  struct elf_image elf = {.path = path, .file = ReadFile(path, MOST_GUEST_BYTES)};
  Elf64_Ehdr header;
  memcpy(&header, Within(&elf, 0, sizeof header, "it is too short"), sizeof header);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_type != ET_EXEC || header.e_machine != EM_X86_64) {
    Refuse(path, "not a static x86-64 executable");
  }
  elf.entry = header.e_entry;
  for (unsigned i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr program;
    memcpy(
        &program,
        Within(&elf, header.e_phoff + i * sizeof program, sizeof program, "its program headers lie outside the file"),
        sizeof program);
    AddSegment(&elf, &program);
  }
  if (elf.segment_count == 0) Refuse(path, "nothing in it is loadable");
  return elf;
}

static Elf64_Shdr SectionOf(const struct elf_image* elf, uint64_t table, unsigned index) {
  Elf64_Shdr section;
  memcpy(&section,
         Within(elf, table + index * sizeof section, sizeof section, "its section headers lie outside the file"),
         sizeof section);
  return section;
}

uint64_t SymbolOf(const struct elf_image* elf, const char* name) {
  Elf64_Ehdr header;
  memcpy(&header, elf->file.data, sizeof header);
  for (unsigned i = 0; i < header.e_shnum; i++) {
    const Elf64_Shdr table = SectionOf(elf, header.e_shoff, i);
    if (table.sh_type != SHT_SYMTAB) continue;
    if (table.sh_link >= header.e_shnum) Refuse(elf->path, "its symbol table names no string table");
    const Elf64_Shdr strings = SectionOf(elf, header.e_shoff, table.sh_link);
    const char* text = Within(elf, strings.sh_offset, strings.sh_size, "its string table lies outside the file");
    for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      memcpy(&symbol, Within(elf, table.sh_offset + at, sizeof symbol, "its symbol table lies outside the file"),
             sizeof symbol);
      if (symbol.st_name == 0 || symbol.st_name >= strings.sh_size) continue;
      const uint64_t left = strings.sh_size - symbol.st_name;
      if (strnlen(text + symbol.st_name, left) < left && strcmp(text + symbol.st_name, name) == 0)
        return symbol.st_value;
    }
  }
  Fail("GUEST_ELF", "%s has no symbol %s", elf->path, name);
}
