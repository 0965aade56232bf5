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
/* False when the token was ready before: the task goes on. */
int token_insert_slow(u32 token, struct task *task);
/* The task that waits for a token, or 0 after noting that the token is ready before its time. */
struct task *token_remove_slow(u32 token);
/* Any waiting task, or 0; early tokens are forgotten. For the wake-up of all. */
struct task *token_remove_any(void);

/* id << 12, shifted right by 8, is id times the size of a slot: a mask makes it an offset. */
static inline struct token_slot *token_home(u32 token)
{
	return (struct token_slot *)((u8 *)token_slots + (token >> 8 & (TOKEN_SLOTS - 1) << 4));
}

static inline int token_insert(u32 token, struct task *task)
{
	struct token_slot *home = token_home(token);

	if (unlikely(home->token))
		return token_insert_slow(token, task);
	home->token = token;
	home->task = task;
	return 1;
}

static inline int token_is_home(u32 token)
{
	return token_home(token)->token == token;
}

static inline struct task *token_remove_home(u32 token)
{
	struct token_slot *home = token_home(token);

	home->token = 0;
	return home->task;
}

#endif
