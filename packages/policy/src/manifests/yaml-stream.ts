import { MalformedError } from '@holdfast/base';
import { Composer, type Document, Lexer, Parser } from 'yaml';
import type { CST } from 'yaml';

import { defaultManifestLimits, type ManifestLimits } from './limits.ts';
import { lineAt, manifestText } from './manifest-text.ts';
import { documentValue, type NodeBudget } from './yaml-value.ts';

/** One document of a YAML stream. */
export interface ManifestDocument {
  /** Position in the stream, from 0; empty documents count. */
  readonly index: number;
  /** The plain value, null for an empty document. */
  readonly value: unknown;
  /** The parsed document with the place of every node in the text, for edits. */
  readonly syntax: Document;
}

/** A YAML stream and its documents in order. */
export interface ManifestStream {
  readonly text: string;
  readonly documents: readonly ManifestDocument[];
}

/**
 * Reads a stream of Kubernetes documents: YAML as the API server accepts it (YAML 1.1 booleans, merge keys, aliases
 * within the limits), JSON included. Bytes must be UTF-8. Duplicate keys are refused. Time and memory are bounded by
 * `limits`.
 * @throws MalformedError MANIFEST_TOO_LARGE, MANIFEST_TOO_DEEP, MANIFEST_ENCODING_INVALID, MANIFEST_YAML_INVALID,
 * MANIFEST_KEY_DUPLICATE
 */
export function readManifests(
  input: string | Uint8Array,
  limits: ManifestLimits = defaultManifestLimits,
): ManifestStream {
  const text = manifestText(input, limits);
  const syntaxes = composeAll(text, syntaxTokens(text, limits), limits);
  const budget: NodeBudget = { remaining: limits.maxNodes };
  const documents = syntaxes.map((syntax, index) => ({
    index,
    syntax,
    value: documentValue(syntax, text, limits, budget),
  }));
  return { text, documents };
}

/** The concrete syntax, with depth and size checked while it grows: what comes after works recursively. */
function syntaxTokens(text: string, limits: ManifestLimits): CST.Token[] {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    lexemes += 1;
    // A value takes a handful of lexemes: the value, its indicator, space, a line end, a comment.
    if (lexemes > limits.maxNodes * 5) {
      throw new MalformedError('MANIFEST_TOO_LARGE', `the input holds more than ${limits.maxNodes} values`);
    }
    if (parser.stack.length > limits.maxDepth + 2) {
      throw new MalformedError('MANIFEST_TOO_DEEP', `values are nested deeper than ${limits.maxDepth} levels`);
    }
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

function composeAll(text: string, tokens: readonly CST.Token[], limits: ManifestLimits): Document[] {
  // The failsafe schema leaves every scalar as its text; yaml-value decides what it means. Unique keys are checked
  // there too,
  // because the library compares each key with all earlier ones.
  const composer = new Composer({ schema: 'failsafe', uniqueKeys: false, keepSourceTokens: true, logLevel: 'silent' });
  const documents: Document[] = [];
  for (const document of composer.compose(tokens, false, text.length)) {
    const problem = document.errors[0];
    if (problem !== undefined) {
      const reason = problem.message.split('\n', 1)[0] ?? '';
      throw new MalformedError(
        'MANIFEST_YAML_INVALID',
        `not valid YAML: ${reason} (line ${lineAt(text, problem.pos[0])})`,
        {
          cause: problem,
        },
      );
    }
    documents.push(document);
    if (documents.length > limits.maxDocuments) {
      throw new MalformedError('MANIFEST_TOO_LARGE', `the input holds more than ${limits.maxDocuments} documents`);
    }
  }
  return documents;
}
