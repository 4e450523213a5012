/* Reading a parsed tree by namespace and local name. libxml2 is told to fetch, substitute and recover nothing; what it still calls an error is one. Only bytes that
 * passed the pre-filter come here. */
#pragma once
#include <glib.h>
#include <libxml/tree.h>
#include <stdbool.h>
#include <stdint.h>

#define NS_ASSERTION "urn:oasis:names:tc:SAML:2.0:assertion"
#define NS_PROTOCOL "urn:oasis:names:tc:SAML:2.0:protocol"
#define NS_METADATA "urn:oasis:names:tc:SAML:2.0:metadata"
#define NS_SIGNATURE "http://www.w3.org/2000/09/xmldsig#"
#define NS_ENCRYPTION "http://www.w3.org/2001/04/xmlenc#"
#define NS_SOAP "http://schemas.xmlsoap.org/soap/envelope/"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/* NULL for anything that is not well formed, namespaces included. */
xmlDoc *xml_read(const char *bytes, size_t length);
bool xml_is(const xmlNode *node, const char *ns, const char *name);
/* The first child of that name, the next sibling of the same name as a given one, and how many there are. */
xmlNode *xml_child(const xmlNode *parent, const char *ns, const char *name);
xmlNode *xml_next(const xmlNode *node);
size_t xml_count(const xmlNode *parent, const char *ns, const char *name);
/* The value of an attribute without a namespace; NULL when absent. Caller frees with g_free. */
char *xml_attribute(const xmlNode *node, const char *name);
/* The text of an element that holds text only, trimmed of blanks at its ends; NULL where it holds elements or there is no node. Caller frees with g_free. */
char *xml_text(const xmlNode *node);
/* The bytes of an element that holds base64, broken into lines anywhere, and the same as base64 on one line. NULL for anything else, or more than `max` bytes. */
char *xml_base64(const xmlNode *node, uint8_t *bytes, size_t max, size_t *ret_length);
/* The text of that child; NULL when absent. */
char *xml_child_text(const xmlNode *parent, const char *ns, const char *name);
/* xs:dateTime with a zone (SAML core 1.3.3), in Unix milliseconds. */
bool xml_time(const char *text, int64_t *ret_ms);
/* ISO 8601 duration as metadata's cacheDuration has it, in seconds; a month counts as 30 days, a year as 365. */
bool xml_duration(const char *text, int64_t *ret_s);
