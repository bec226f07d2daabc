/* junit_document.c: cases are counted as they are written, for their numbers stand in front of
 * them.
 *
 * Every text has been escaped as for a terminal where it was kept, and is escaped once more for
 * XML: controls are seen as \x1b by whoever reads the report. */
#include "reply/junit_document.h"

#include "base/escape.h"

#include <inttypes.h>
#include <string.h>

static void add_raw(struct junit_document *document, const char *text)
{
    document->result |= bytes_append(&document->cases, slice_of_text(text));
}

static void add_escaped(struct junit_document *document, const char *text, bool attribute)
{
    document->result |= escape_xml(&document->cases, slice_of_text(text), attribute);
}

/* name="text" */
static void add_attribute(struct junit_document *document, const char *name, const char *text)
{
    document->result |= bytes_format(&document->cases, " %s=\"", name);
    add_escaped(document, text, true);
    add_raw(document, "\"");
}

void junit_begin(struct junit_document *document, const char *name, int64_t duration_ns)
{
    document->tests++;
    add_raw(document, "    <testcase");
    add_attribute(document, "classname", document->class_name);
    add_attribute(document, "name", name);
    int64_t ms = duration_ns < 0 ? 0 : duration_ns / 1000000;
    document->result |=
        bytes_format(&document->cases, " time=\"%" PRId64 ".%03d\"", ms / 1000, (int)(ms % 1000));
}

void junit_pass(struct junit_document *document)
{
    add_raw(document, "/>\n");
}

void junit_skip(struct junit_document *document, const char *message)
{
    document->skipped++;
    add_raw(document, ">\n      <skipped");
    add_attribute(document, "message", message);
    add_raw(document, "/>\n    </testcase>\n");
}

void junit_begin_bad(struct junit_document *document, const char *element, const char *message,
                     const char *type)
{
    if (strcmp(element, "error") == 0)
        document->errors++;
    else
        document->failures++;
    document->result |= bytes_format(&document->cases, ">\n      <%s", element);
    add_attribute(document, "message", message);
    add_attribute(document, "type", type);
    add_raw(document, ">");
}

void junit_end_bad(struct junit_document *document, const char *element)
{
    document->result |= bytes_format(&document->cases, "</%s>\n    </testcase>\n", element);
}

void junit_bad(struct junit_document *document, const char *element, const char *message,
               const char *type)
{
    junit_begin_bad(document, element, message, type);
    add_escaped(document, message, false);
    junit_end_bad(document, element);
}

void junit_line(struct junit_document *document, const char *label, const char *text)
{
    if (!text)
        return;
    add_raw(document, label);
    add_escaped(document, text, false);
    add_raw(document, "\n");
}
