import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {};
