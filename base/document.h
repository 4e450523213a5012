/* A YAML file (libyaml) read into a jansson tree that remembers where each value stood, so that every mistake can name file, line and key.
 * No aliases, anchors, tags or second document; duplicate keys are refused; depth 32; at most 64 MiB. Plain scalars become null, booleans
 * (true/false only), integers or strings by YAML 1.2's core schema; everything quoted is a string. */
#pragma once
#include "base/json.h"

struct document;

/* Reads a file ("-" is standard input). NULL with *error (ERROR_MALFORMED, "file:line: …") otherwise. */
struct document *document_read(const char *path, GError **error);
struct document *document_parse(const char *name, const char *text, size_t length, GError **error);
void document_free(struct document *document);
typedef struct document document_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(document_t, document_free)

/* Borrowed. A file with nothing in it has a null root. */
json_t *document_root(const struct document *document);
/* The folder that relative paths in this file start from. Borrowed. */
const char *document_folder(const struct document *document);
const char *document_name(const struct document *document);
/* Line (from 1) of a value of this document's tree; for an object's member the line of its key. 0 when unknown. */
int document_line(const struct document *document, const json_t *value);
