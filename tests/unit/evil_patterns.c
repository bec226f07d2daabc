/* evil_patterns.c: shapes that multiply work, each with atoms that match much of the subjects.
 *
 * In a shape # is the atom. Where the subjects end nothing matches what the shapes ask for, so that
 * every way is tried; [!?] is no single byte, for want of which PCRE2 would not even begin. */
#include "evil_patterns.h"

#include <stdio.h>

static const char *const shapes[] = {
    "(#+)+$",                            /* repeats of repeats */
    "(#*)*[!?]",                         /* ... that may be empty */
    "((#+)*)+[!?]",                      /* ... three deep */
    "(#|#)*[!?]",                        /* alternatives that are the same */
    "(#|##)+[!?]",                       /* ... that begin the same */
    "#*#*#*#*[!?]",                      /* repeats side by side */
    "#*?#*?#*?[!?]",                     /* ... that are lazy */
    "(?=(#*)(#*)(#*)[!?])",              /* a look-ahead at each start */
    "(?=.*#.*#)(?!.*#{3}).*[!?]",        /* look-aheads over the whole subject */
    "(#+)\\1+[!?]",                      /* references */
    "(#*)(#*)\\1\\2\\1[!?]",             /* ... to several */
    "(?i)(#*)\\1\\1[!?]",                /* ... in either case */
    "(?:(#)|\\1#)*[!?]",                 /* ... to what is set on the way */
    "(#(?1)?#|#)[!?]",                   /* recursion */
    "(?:#?){30}#{30}[!?]",               /* what may be there, then must */
    "(?:#{1,20}){1,20}[!?]",             /* counts of counts */
    "(?:(?=#*[!?])|#)*[!?]",             /* a look-ahead for each step */
    "(?<=a)(?:#*)*(?<!ab)[!?]",          /* look-behinds */
    "(?>#*)*(?:#++)*[!?]",               /* atomic, which does not help the starts */
    "(?(?=#*[!?])#|#)*[!?]",             /* conditions */
    "(*UTF)(?:\\X|#)*(?:\\X|#)*[!?]",    /* characters of several code points */
    "(*UCP)(?:\\w|#)*[\\pL\\pN]*#*[!?]", /* properties */
    "(*NO_JIT)(#+)+[!?]",                /* without machine code */
    "#{0,40}(#{0,30}){0,20}[!?]",        /* large counts */
};

static const char *const atoms[] = {
    "a", ".", "\\w", "[a-z]", "(?:a|b)", "(?:a|ab|b)", "[^!]", "(?:a?)", "(?:aa?)", "\\S",
};

#define SHAPES (sizeof shapes / sizeof *shapes)
#define ATOMS  (sizeof atoms / sizeof *atoms)

_Static_assert(SHAPES *ATOMS == EVIL_PATTERNS, "as the header says");

const char *evil_pattern(unsigned number)
{
    static char text[512];
    const char *atom = atoms[number % ATOMS];
    size_t used = 0;
    for (const char *at = shapes[number / ATOMS % SHAPES]; *at && used < sizeof text - 32; at++) {
        if (*at == '#')
            used += (size_t)snprintf(text + used, sizeof text - used, "%s", atom);
        else
            text[used++] = *at;
    }
    text[used] = '\0';
    return text;
}

void evil_subject(unsigned number, char *to, size_t size)
{
    static const char *const units[EVIL_SUBJECTS] = {
        "a", "ab", "aaaaaaaab", "abcdefghij klmnop", "a\xcc\x81", "aAaAbB_1,",
    };
    const char *unit = units[number % EVIL_SUBJECTS];
    size_t length = strlen(unit);
    for (size_t i = 0; i < size; i++)
        to[i] = unit[i % length];
}
