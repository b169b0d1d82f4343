import { limitExceeded, malformed, truncated } from './layer-errors.ts';
import { parsePaxRecords } from './pax-records.ts';
import type { PaxRecords } from './pax-records.ts';
import { addHeaderRuns, checkSparseRuns, paxSparseVersion, SparseMapParser, sparseRunsOfRecord } from './sparse-map.ts';
import type { SparseRun } from './sparse-map.ts';
import { isZeroBlock, TAR_BLOCK, textField } from './tar-fields.ts';
import { isHeaderOnly, logicalSizeOf, parseTarHeader, storedSizeOf } from './tar-header.ts';
import type { TarHeader } from './tar-header.ts';

/** One member of an archive: its header as it is stored, and what extension headers before it say. */
export interface TarEntry {
  readonly header: TarHeader;
  /** Records of the extended header before it, or of the global header that it is. */
  readonly pax: PaxRecords;
  readonly gnuName: string;
  readonly gnuLinkname: string;
  /** Bytes stored in the archive. */
  readonly storedSize: number;
  /** Bytes of the content with the holes of a sparse file filled in. */
  readonly size: number;
  /** Position in the archive of the first stored byte. */
  readonly contentPosition: number;
  readonly sparse: boolean;
}

/** Called in archive order; `bytes` is only valid during the call. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  content(bytes: Uint8Array): void;
  /** A run of zero bytes that a sparse file does not store. */
  hole(length: number): void;
}

/** Extended headers and long names: the bound of Go's archive/tar, which the platform's converter uses. */
const MAXIMUM_EXTENSION_BYTES = 1024 * 1024;
/** No writer puts more than three extension headers before a member. */
const MAXIMUM_EXTENSIONS = 16;
const NO_RECORDS: PaxRecords = new Map();
const NO_BYTES = new Uint8Array(0);

type State = 'header' | 'extension' | 'sparse-header' | 'sparse-map' | 'content' | 'skip' | 'end';

/**
 * Reads ustar, PAX, GNU and V7 archives of which it is given one piece after the other, in memory that does not depend on
 * the archive. Where the pieces are cut makes no difference.
 */
export class TarReader {
  readonly #handler: TarHandler;
  #position = 0;
  #state: State = 'header';
  /** Bytes of the current header or extension, and how many of them have arrived. */
  #buffer = new Uint8Array(TAR_BLOCK);
  #filled = 0;
  #remaining = 0;
  #padding = 0;
  #zeroBlockSeen = false;
  #extension = '';
  #extensions = 0;
  #pax = NO_RECORDS;
  #gnuName = '';
  #gnuLinkname = '';
  #header: TarHeader | undefined;
  #runs: SparseRun[] = [];
  /** The run that the next byte belongs to. */
  #run = 0;
  #mapParser = new SparseMapParser();
  #globalHeader: TarHeader | undefined;
  #offsetInFile = 0;
  #size = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** @throws MalformedError LAYER_TAR_MALFORMED, LAYER_LIMIT_EXCEEDED */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const used = this.#take(at === 0 ? chunk : chunk.subarray(at));
      at += used;
      this.#position += used;
    }
  }

  /** Whether the end marker was read; what follows it is no part of the archive. */
  get ended(): boolean {
    return this.#state === 'end';
  }

  /**
   * For an archive in which one can seek: how many of the next bytes are content or padding of the current member. They count as
   * pushed, but the handler sees none of them. Extension headers are not skipped.
   */
  skipContent(): number {
    if (this.#state !== 'content' && (this.#state !== 'skip' || this.#extensions > 0)) return 0;
    const length = (this.#state === 'content' ? this.#remaining : 0) + this.#padding;
    this.#position += length;
    this.#remaining = 0;
    this.#padding = 0;
    this.#header = undefined;
    this.#state = 'header';
    return length;
  }

  /**
   * Says that the archive has ended. As in the reference, the end marker and the padding of the last member may be missing.
   * @throws MalformedError LAYER_TAR_TRUNCATED
   */
  finish(): void {
    const atBoundary = this.#state === 'header' && this.#filled === 0 && this.#extensions === 0;
    const inPadding = this.#state === 'skip' && this.#extensions === 0;
    if (!atBoundary && !inPadding && this.#state !== 'end') throw truncated(this.#position);
  }

  #take(bytes: Uint8Array): number {
    switch (this.#state) {
      case 'header':
      case 'sparse-header':
      case 'sparse-map':
        return this.#collect(bytes, TAR_BLOCK);
      case 'extension':
        return this.#collect(bytes, this.#remaining);
      case 'content': {
        const length = Math.min(bytes.length, this.#remaining);
        this.#content(bytes.subarray(0, length));
        this.#remaining -= length;
        if (this.#remaining === 0) this.#endContent();
        return length;
      }
      case 'skip': {
        const length = Math.min(bytes.length, this.#padding);
        this.#padding -= length;
        if (this.#padding === 0) this.#state = 'header';
        return length;
      }
      case 'end':
        return bytes.length;
      default:
        return this.#state satisfies never;
    }
  }

  #collect(bytes: Uint8Array, wanted: number): number {
    if (this.#filled === 0 && bytes.length >= wanted) {
      this.#collected(bytes.subarray(0, wanted), wanted);
      return wanted;
    }
    // Grows with what arrives: a header may promise more than ever comes.
    const length = Math.min(bytes.length, wanted - this.#filled);
    if (this.#buffer.length < this.#filled + length) {
      const grown = new Uint8Array(Math.min(wanted, 2 * (this.#filled + length)));
      grown.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes.subarray(0, length), this.#filled);
    this.#filled += length;
    if (this.#filled === wanted) {
      this.#filled = 0;
      this.#collected(this.#buffer.subarray(0, wanted), length);
    }
    return length;
  }

  /** `lastPiece` bytes of the block are not counted in the position yet. */
  #collected(block: Uint8Array, lastPiece: number): void {
    switch (this.#state) {
      case 'header':
        this.#readHeader(block, this.#position + lastPiece - TAR_BLOCK);
        return;
      case 'extension':
        this.#readExtension(block);
        return;
      case 'sparse-header':
        this.#readSparseHeader(block, this.#position + lastPiece);
        return;
      default:
        this.#readSparseMap(block);
    }
  }

  #readHeader(block: Uint8Array, position: number): void {
    if (isZeroBlock(block)) {
      if (this.#extensions > 0) throw truncated(position);
      if (this.#zeroBlockSeen) this.#state = 'end';
      this.#zeroBlockSeen = true;
      return;
    }
    if (this.#zeroBlockSeen) throw malformed('a block of zeros is followed by more members', position);
    const header = parseTarHeader(block, position);
    if ('xgLK'.includes(header.typeflag)) {
      this.#startExtension(header);
      return;
    }
    this.#header = header;
    this.#remaining = this.#isHeaderOnly(header) ? 0 : storedSizeOf(header, this.#pax);
    this.#padding = paddingOf(this.#remaining);
    if (header.typeflag === 'S') {
      if (header.variant !== 'gnu') throw malformed('a sparse member without a GNU header', position);
      this.#runs = [];
      addHeaderRuns(block, 386, 4, this.#runs);
      if (block[482] === 0) this.#startContent(this.#runs, position + TAR_BLOCK);
      else this.#state = 'sparse-header';
      return;
    }
    const version = paxSparseVersion(this.#pax);
    if (version !== 'none' && this.#isHeaderOnly(header)) throw malformed('a sparse member without content', position);
    if (version === 'content') {
      if (this.#remaining < TAR_BLOCK) throw malformed('a sparse member without its map', position);
      this.#mapParser = new SparseMapParser();
      this.#state = 'sparse-map';
    } else this.#startContent(version === 'none' ? undefined : sparseRunsOfRecord(this.#pax), position + TAR_BLOCK);
  }

  #startExtension(header: TarHeader): void {
    this.#extensions += 1;
    if (this.#extensions > MAXIMUM_EXTENSIONS)
      throw limitExceeded('a member with too many extension headers', MAXIMUM_EXTENSIONS);
    this.#remaining = storedSizeOf(header, NO_RECORDS);
    if (this.#remaining > MAXIMUM_EXTENSION_BYTES)
      throw limitExceeded(`an extension header of ${this.#remaining} bytes`, MAXIMUM_EXTENSION_BYTES);
    this.#padding = paddingOf(this.#remaining);
    this.#extension = header.typeflag;
    this.#globalHeader = header;
    this.#state = 'extension';
    if (this.#remaining === 0) this.#readExtension(NO_BYTES);
  }

  #readExtension(bytes: Uint8Array): void {
    this.#skipPadding();
    switch (this.#extension) {
      case 'L':
        this.#gnuName = textField(bytes, 0, bytes.length);
        return;
      case 'K':
        this.#gnuLinkname = textField(bytes, 0, bytes.length);
        return;
      case 'x':
        this.#pax = parsePaxRecords(bytes);
        return;
      default:
        this.#readGlobalHeader(parsePaxRecords(bytes));
    }
  }

  /** A global header is a member of its own: the reference makes a file of it, and applies its records to nothing else. */
  #readGlobalHeader(pax: PaxRecords): void {
    const header = this.#globalHeader;
    if (header === undefined) throw malformed('a global header out of place');
    this.#forgetExtensions();
    const contentPosition = header.position + TAR_BLOCK;
    this.#handler.entry({
      header,
      pax,
      gnuName: '',
      gnuLinkname: '',
      storedSize: 0,
      size: 0,
      contentPosition,
      sparse: false,
    });
  }

  #readSparseHeader(block: Uint8Array, end: number): void {
    addHeaderRuns(block, 0, 21, this.#runs);
    if (block[504] === 0) this.#startContent(this.#runs, end);
  }

  #readSparseMap(block: Uint8Array): void {
    this.#remaining -= TAR_BLOCK;
    const runs = this.#mapParser.push(block);
    if (runs !== undefined) this.#startContent(runs, (this.#header?.position ?? 0) + TAR_BLOCK);
    else if (this.#remaining < TAR_BLOCK) throw malformed('a sparse member whose map has no end');
  }

  #startContent(runs: SparseRun[] | undefined, contentPosition: number): void {
    const header = this.#header;
    if (header === undefined) throw malformed('content without a header');
    const storedSize = this.#remaining;
    const size = this.#isHeaderOnly(header) ? 0 : logicalSizeOf(header, this.#pax, storedSize);
    if (runs === undefined) this.#runs = [{ offset: 0, length: size }];
    else {
      checkSparseRuns(runs, size, storedSize);
      this.#runs = runs.filter((run) => run.length > 0);
    }
    const entry: TarEntry = {
      header,
      pax: this.#pax,
      gnuName: this.#gnuName,
      gnuLinkname: this.#gnuLinkname,
      storedSize: this.#isHeaderOnly(header) ? 0 : storedSizeOf(header, this.#pax),
      size,
      contentPosition,
      sparse: runs !== undefined,
    };
    this.#forgetExtensions();
    this.#handler.entry(entry);
    this.#run = 0;
    this.#offsetInFile = 0;
    this.#size = size;
    this.#state = 'content';
    if (this.#remaining === 0) this.#endContent();
  }

  #content(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const run = this.#runs[this.#run];
      if (run === undefined) throw malformed('content that belongs to nothing');
      if (this.#offsetInFile < run.offset) {
        this.#handler.hole(run.offset - this.#offsetInFile);
        this.#offsetInFile = run.offset;
      }
      const left = run.offset + run.length - this.#offsetInFile;
      const piece = at === 0 && bytes.length <= left ? bytes : bytes.subarray(at, at + left);
      this.#handler.content(piece);
      at += piece.length;
      this.#offsetInFile += piece.length;
      if (piece.length === left) this.#run += 1;
    }
  }

  #endContent(): void {
    if (this.#offsetInFile < this.#size) this.#handler.hole(this.#size - this.#offsetInFile);
    this.#header = undefined;
    this.#skipPadding();
  }

  #skipPadding(): void {
    this.#state = this.#padding === 0 ? 'header' : 'skip';
  }

  /** A V7 directory has no content either, and its name may be in an extension header. */
  #isHeaderOnly(header: TarHeader): boolean {
    if (header.typeflag !== '\0') return isHeaderOnly(header.typeflag);
    return (this.#gnuName || this.#pax.get('path') || header.name).endsWith('/');
  }

  #forgetExtensions(): void {
    this.#extensions = 0;
    this.#pax = NO_RECORDS;
    this.#gnuName = '';
    this.#gnuLinkname = '';
  }
}

function paddingOf(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;
}
