import type { ErrorCodeTable } from '@holdfast/base';

import { cceErrorCodes } from './cce/error-codes.ts';
import { enforcementErrorCodes } from './enforcement/error-codes.ts';
import { imagesErrorCodes } from './images/error-codes.ts';
import { kataErrorCodes } from './kata/error-codes.ts';
import { layersErrorCodes } from './layers/error-codes.ts';
import { manifestsErrorCodes } from './manifests/error-codes.ts';
import { regexErrorCodes } from './regex/error-codes.ts';
import { regoErrorCodes } from './rego/error-codes.ts';
import { regoLiteralsErrorCodes } from './rego-literals/error-codes.ts';

export const errorCodes: ErrorCodeTable = {
  ...cceErrorCodes,
  ...enforcementErrorCodes,
  ...imagesErrorCodes,
  ...kataErrorCodes,
  ...layersErrorCodes,
  ...manifestsErrorCodes,
  ...regexErrorCodes,
  ...regoErrorCodes,
  ...regoLiteralsErrorCodes,
};
