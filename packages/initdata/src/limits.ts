/** Bytes that a document may have once it is decompressed: a Kata policy has some 60 KB, a gzip bomb has no bound of its own. */
export const MAX_DOCUMENT_BYTES: number = 4 * 1024 * 1024;

/** Characters that an encoded document may have: Base64 of a document that does not compress, with lines wrapped. */
export const MAX_ENCODED_CHARACTERS: number = 6 * 1024 * 1024;

/** Entries that the table `[data]` may have. */
export const MAX_ENTRIES = 256;

/** Levels that tables and arrays may be nested in a document or in a TOML file inside of it. */
export const MAX_TOML_DEPTH = 16;

/** Signs that make keys, tables and members in a TOML text, strings aside: time to read grows with these. */
export const MAX_TOML_SIGNS = 20_000;

/** Findings about one entry; an entry with more is not worth a longer list. */
export const MAX_FINDINGS = 100;
