import type { ErrorCodeTable } from '@holdfast/base';

export const imagesErrorCodes: ErrorCodeTable = {};
