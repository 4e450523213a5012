/* A YAML file (libyaml) read into a jansson tree that remembers where each value stood, so that every mistake can name file, line and key.
 * No aliases, anchors, tags or second document; duplicate keys are refused; depth 32; at most 64 MiB. Plain scalars become null, booleans
 * (true/false only), integers or strings by YAML 1.2's core schema; everything quoted is a string. */
#pragma once
#include "base/json.h"

struct document;

/* Reads a file ("-" is standard input, shown as "stdin"). NULL with *error (ERROR_MALFORMED, "file:line: …") otherwise. */
struct document *document_read(const char *path, GError **error);
/* The same of text in memory: relative paths start from the working directory, and references (${ENV}, file:PATH, KEY_FILE paths) are
 * refused, because such text may come from a client of the API, who must not read the server's environment or files through it. */
struct document *document_parse(const char *name, const char *text, size_t length, GError **error);
void document_free(struct document *document);
typedef struct document document_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(document_t, document_free)

/* Borrowed. A file with nothing in it has a null root. */
json_t *document_root(const struct document *document);
/* The folder that relative paths in this file start from. Borrowed. */
const char *document_folder(const struct document *document);
const char *document_name(const struct document *document);
/* Line (from 1) of a value of this document's tree; for an object's member the line of its key. 0 when unknown, and for true, false and
 * null, which jansson shares: ask for those by document_member_line. */
int document_line(const struct document *document, const json_t *value);
/* Line of the member `key` of an object of this tree; of the object itself when it has no such member. */
int document_member_line(const struct document *document, const json_t *parent, const char *key);
/* Gives a value made from this document (what schema_apply returns) the line of its origin. Keeps a reference; true, false and null are
 * left out. */
void document_note_line(const struct document *document, json_t *value, int line);

/* Whether ${ENV}, file:PATH and KEY_FILE may be used: true after document_read, false after document_parse until allowed. */
bool document_may_refer(const struct document *document);
void document_allow_references(struct document *document);

/* One plain scalar by the rules above (null, true, false, an integer or a string); NULL for an integer that does not fit. Caller owns. */
json_t *document_plain_scalar(const char *text);
