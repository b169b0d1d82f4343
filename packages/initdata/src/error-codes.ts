import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  INITDATA_EMPTY: {
    family: 'malformed',
    meaning: 'There is no initdata: the value or the document is empty.',
    action: 'Give a document, or leave the annotation out so that the global value holds.',
  },
  INITDATA_TOO_LARGE: {
    family: 'malformed',
    meaning: 'An initdata document, its encoded form or what its gzip expands to is beyond all use.',
    action: 'Check where the value comes from; a document has a few kilobytes.',
  },
  INITDATA_BASE64_INVALID: {
    family: 'malformed',
    meaning: 'An initdata value is not standard Base64 with padding.',
    action: 'Encode the document with holdfast initdata build --base64.',
  },
  INITDATA_GZIP_INVALID: {
    family: 'malformed',
    meaning: 'An initdata value is not a whole gzip, or something follows it.',
    action: 'Encode the document with holdfast initdata build --base64.',
  },
  INITDATA_TEXT_INVALID: {
    family: 'malformed',
    meaning: 'An initdata document is not UTF-8 text.',
    action: 'Save the document as UTF-8.',
  },
  INITDATA_TOML_INVALID: {
    family: 'malformed',
    meaning: 'An initdata document is not TOML; line and column say where.',
    action: 'Correct the document there. Names with dots stand in quotes.',
  },
  INITDATA_VERSION_MISSING: {
    family: 'malformed',
    meaning: 'An initdata document names no version.',
    action: 'Add version = "0.1.0" above [data].',
  },
  INITDATA_VERSION_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'An initdata document is of a version other than 0.1.0.',
    action: 'Write the document as version 0.1.0.',
  },
  INITDATA_ALGORITHM_MISSING: {
    family: 'malformed',
    meaning: 'An initdata document names no digest algorithm.',
    action: 'Add algorithm = "sha256" above [data].',
  },
  INITDATA_ALGORITHM_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'An initdata document names a digest algorithm that is not sha256, sha384 or sha512.',
    action: 'Use sha256.',
  },
  INITDATA_DATA_MISSING: {
    family: 'malformed',
    meaning: 'An initdata document has no table [data].',
    action: 'Put the entries below [data].',
  },
  INITDATA_ENTRY_INVALID: {
    family: 'malformed',
    meaning: 'An entry of an initdata document is not text.',
    action: 'Give each entry as a text, its name in quotes.',
  },
  INITDATA_DIGEST_TOO_SHORT: {
    family: 'request',
    meaning: 'A digest below 32 bytes cannot be extended into PCR 8.',
    action: 'Give a digest of sha256, sha384 or sha512.',
  },
  INITDATA_REFERENCE_INVALID: {
    family: 'request',
    meaning: 'A reference value cannot be made of these documents, or with this expiration.',
    action: 'Give documents other than the placeholder, and a time to come.',
  },
  INITDATA_REFERENCE_MALFORMED: {
    family: 'malformed',
    meaning: 'Reference values are of none of the shapes that the Trustee operator has.',
    action: 'Give the content of reference-values.json, or of the map of a LocalJson store.',
  },
};
