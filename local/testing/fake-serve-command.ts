import { fileURLToPath } from 'node:url';

/** The command line of services that are stand-ins, in the place of `holdfast serve`. */
export function fakeServeCommand(): readonly string[] {
  return [process.execPath, fileURLToPath(new URL('./fake-serve.ts', import.meta.url))];
}
