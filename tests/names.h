/*
 * names.h: what the members of the core's closed lists are called, in the order of their enums.
 */
#ifndef TEST_NAMES_H
#define TEST_NAMES_H

#include "core/tables.h"

#define TEXT(name, text) text,
#define NAME(name, ...) #name,

static const char *const event_names[] = {TV_EVENT_KINDS(TEXT)};
static const char *const outcome_names[] = {TV_OUTCOME_KINDS(TEXT)};
static const char *const cancel_names[] = {TV_CANCEL_REASONS(TEXT)};
static const char *const source_names[] = {TV_BACKOFF_SOURCES(TEXT)};
static const char *const restart_names[] = {TV_RESTART_KINDS(TEXT)};
static const char *const jitter_names[] = {TV_JITTERS(TEXT)};
static const char *const admission_names[] = {TV_ADMISSIONS(TEXT)};
static const char *const status_names[] = {TV_SLOT_STATUSES(TEXT)};
static const char *const actor_names[] = {TV_ACTOR_STATES(NAME)};
static const char *const shutdown_names[] = {TV_SHUTDOWN_STATES(NAME)};

#undef TEXT
#undef NAME

#endif
