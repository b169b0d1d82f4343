import type { ErrorCodeTable } from '@holdfast/base';

export const layersErrorCodes: ErrorCodeTable = {};
