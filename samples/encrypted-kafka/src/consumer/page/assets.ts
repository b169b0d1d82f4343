import { readFile } from 'node:fs/promises';

export interface Asset {
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

const FILES: readonly (readonly [path: string, file: string, contentType: string])[] = [
  ['/web/globals.css', 'globals.css', 'text/css; charset=utf-8'],
  ['/web/Home.module.css', 'Home.module.css', 'text/css; charset=utf-8'],
  ['/web/live.js', 'live.js', 'text/javascript; charset=utf-8'],
  ['/favicon.ico', 'favicon.svg', 'image/svg+xml'],
];

/** The static files of the page, read once. */
export function loadAssets(): Promise<readonly Asset[]> {
  const folder = new URL('../../../web/', import.meta.url);
  return Promise.all(
    FILES.map(async ([path, file, contentType]) => ({
      path,
      contentType,
      body: await readFile(new URL(file, folder), 'utf8'),
    })),
  );
}
