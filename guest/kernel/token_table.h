/*
 * Which task waits for which token.
 *
 * KVM makes tokens as id << 12 | vCPU with ids counting up, so the low bits of the id nearly always give each waiting task a
 * slot of its own: the two hot operations look at that home slot alone. Whatever does not fit that picture - two tokens of
 * one home, a token whose ready event came before its not-present event - is kept in a short overflow list, and the home slot
 * then holds a mark that no token of this home can equal, so both hot operations turn to the list by themselves.
 */
#ifndef GUEST_TOKEN_TABLE_H
#define GUEST_TOKEN_TABLE_H

#include "kernel.h"

#define TOKEN_SLOTS 128

struct token_slot {
	u32 token; /* 0: free */
	u32 pad;
	struct task *task;
};
_Static_assert(sizeof(struct token_slot) == 16, "token_home relies on it");

extern struct token_slot token_slots[TOKEN_SLOTS];

void token_table_init(void);
/* The current task waits for a token; false when the token was ready before: the task goes on. */
int token_insert_slow(u32 token);
/* The task that waits for a token, or 0 after noting that the token is ready before its time. */
struct task *token_remove_slow(u32 token);
/* Any waiting task, or 0; early tokens are forgotten. For the wake-up of all. */
struct task *token_remove_any(void);

/* Offset of a token's home: id << 12, shifted right by 8, is id times the size of a slot. */
static inline u64 token_offset(u32 token)
{
	u64 offset = token >> 8 & (TOKEN_SLOTS - 1) << 4;

	/* Keeps the compiler from forming the slot's address: an addressing mode adds the table for nothing. */
	asm("" : "+r"(offset));
	return offset;
}

static inline struct token_slot *token_slot(u64 offset)
{
	return (struct token_slot *)((u8 *)token_slots + offset);
}

static inline __attribute__((always_inline)) int token_insert(u32 token)
{
	u64 offset = token_offset(token);

	if (unlikely(token_slot(offset)->token))
		return token_insert_slow(token);
	asm("" : "+r"(offset));
	token_slot(offset)->token = token;
	token_slot(offset)->task = current;
	return 1;
}

/* The task whose token is in its home, taken out; 0 when the token is elsewhere or nowhere. */
static inline __attribute__((always_inline)) struct task *token_remove(u32 token)
{
	u64 offset = token_offset(token);
	struct task *task;

	if (unlikely(token_slot(offset)->token != token))
		return 0;
	asm("" : "+r"(offset));
	token_slot(offset)->token = 0;
	task = token_slot(offset)->task;
	if (!task)
		__builtin_unreachable();
	return task;
}

#endif
