import type { ErrorCodeTable } from '@holdfast/base';

export const manifestsErrorCodes: ErrorCodeTable = {};
