/*
 * words.h: the words that a move is written with, for move.c which writes and parse.c which reads.
 */
#ifndef SIM_WORDS_H
#define SIM_WORDS_H

#include "move.h"

#include "names.h"

static const char *const patience[] = {"try", "wait"};
static const char *const extents[] = {"owner", "purge"};
static const char *const errors[] = {"none", "fail", "fatal", "canceled"};
static const char *const targets[] = {"name", "id", "handle"};
static const char *const styles[] = {"remove", "cancel"};

static const char *const kinds[] = {
    [TV_IN_TICK] = "tick",           [TV_IN_ADD] = "add",       [TV_IN_RESERVE] = "reserve",
    [TV_IN_UNRESERVE] = "unreserve", [TV_IN_COMMIT] = "commit", [TV_IN_LEAVE] = "leave",
    [TV_IN_TAKE] = "take",           [TV_IN_RESULT] = "result", [TV_IN_FINISH] = "finish",
    [TV_IN_SHUTDOWN] = "shutdown",   [TV_IN_DRAINED] = "drained", [TV_IN_SUBMIT] = "submit",
    [TV_IN_WITHDRAW] = "withdraw",   [TV_IN_CANCEL_SLOT] = "cancel_slot",
};

static const char *const looks[] = {[MOVE_HOLD] = "hold", [MOVE_DROP] = "drop"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

#endif
