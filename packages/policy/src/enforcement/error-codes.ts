import type { ErrorCodeTable } from '@holdfast/base';

export const enforcementErrorCodes: ErrorCodeTable = {};
