import { fileURLToPath } from 'node:url';

/** The program `holdfast`, for Node. */
export const HOLDFAST = fileURLToPath(new URL('../../cli/bin/holdfast.mjs', import.meta.url));
