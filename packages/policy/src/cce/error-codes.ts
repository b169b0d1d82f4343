import type { ErrorCodeTable } from '@holdfast/base';

export const cceErrorCodes: ErrorCodeTable = {};
