import type { ErrorCodeTable } from '@holdfast/base';

export const kataErrorCodes: ErrorCodeTable = {};
