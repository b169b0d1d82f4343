import type { TarEntry } from './tar-reader.ts';

/** Name of a member with what extension headers say, one character per byte, as Go's archive/tar reads it. */
export function tarEntryName({ header, pax, gnuName, sparse }: TarEntry): string {
  if (header.typeflag === 'g') return header.name;
  const sparseName = sparse ? pax.get('GNU.sparse.name') : undefined;
  return sparseName || gnuName || pax.get('path') || header.name;
}

/** Target of a link, likewise. */
export function tarEntryLinkname({ header, pax, gnuLinkname }: TarEntry): string {
  return gnuLinkname || pax.get('linkpath') || header.linkname;
}
