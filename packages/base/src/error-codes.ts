import type { ErrorCodeTable } from './errors.ts';

export const errorCodes: ErrorCodeTable = {
  ENCODING_HEX_INVALID: {
    family: 'malformed',
    meaning: 'A text that should be hexadecimal holds another character or an odd number of digits.',
    action: 'Check the named value for truncation or a wrong encoding.',
  },
  ENCODING_BASE64_INVALID: {
    family: 'malformed',
    meaning: 'A text is not canonical, padded standard Base64.',
    action: 'Encode the value again with the standard alphabet, with padding and without line breaks.',
  },
  ENCODING_BASE64URL_INVALID: {
    family: 'malformed',
    meaning: 'A text is not canonical, unpadded URL-safe Base64.',
    action: 'Encode the value again with the URL-safe alphabet and without padding.',
  },
  ENCODING_UTF8_INVALID: {
    family: 'malformed',
    meaning: 'Bytes that should be text are not well-formed UTF-8.',
    action: 'Check which encoding the input was written in.',
  },
};
