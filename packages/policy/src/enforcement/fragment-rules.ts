import type { CceDeclarations, FragmentImport } from './cce-policy.ts';
import { readDeclarations } from './cce-policy.ts';
import type { EvaluationContext } from './evaluation-context.ts';
import type { LiteralPolicy, LiteralValue } from '../rego-literals/index.ts';
import type { FragmentRequest } from './requests.ts';
import { compareSvn, readSvn } from './versions.ts';
import type { Svn } from './versions.ts';

/** What the guest knows of a fragment in its second look, when the text is loaded. */
export interface LoadedText {
  readonly document: LiteralPolicy;
  readonly declarations: CceDeclarations;
  readonly svn: Svn | undefined;
  readonly svnValue: LiteralValue | undefined;
}

export interface FragmentEvaluation {
  readonly text: LoadedText | undefined;
  /** Imports that name issuer and feed. */
  readonly imports: readonly FragmentImport[];
  /** Those of them that admit the fragment. */
  readonly admitting: readonly FragmentImport[];
  readonly missingReceipts: readonly string[];
  /** Admitting imports include different parts, so that the framework's answer would be ambiguous. */
  readonly conflict: boolean;
  readonly allowed: boolean;
}

/** First look: issuer, feed, SVN of the header if there is one, receipts. The text is not looked at. */
export function evaluateFragmentHeader(request: FragmentRequest, context: EvaluationContext): FragmentEvaluation {
  const imports = importsOf(request, context);
  const header = readSvn(request.headerSvn);
  const admitting = imports.filter(
    (entry) =>
      missingReceipts(entry, request).length === 0 &&
      (request.headerSvn === undefined || request.headerSvn === null || atLeast(header, entry.minimumSvn)),
  );
  return {
    text: undefined,
    imports,
    admitting,
    missingReceipts: imports.flatMap((entry) => missingReceipts(entry, request)),
    conflict: false,
    allowed: admitting.length > 0,
  };
}

/** Second look, with the text: its SVN and framework version decide, and its declarations become candidates. */
export function evaluateFragmentText(
  request: FragmentRequest,
  document: LiteralPolicy,
  context: EvaluationContext,
): FragmentEvaluation {
  const svnValue = document.assignments.get('svn');
  const source = `fragment ${request.feed} of ${request.issuer}`;
  const declarations = readDeclarations(document, source, context.frameworkVersion);
  const text: LoadedText = { document, declarations, svn: readSvn(svnValue), svnValue };
  const imports = importsOf(request, context);
  const svn = fragmentSvn(request, text);
  const admitting = imports.filter((entry) => svn !== undefined && atLeast(svn, entry.minimumSvn));
  const first = admitting[0];
  const usable = declarations.frameworkVersion !== undefined && !isAhead(declarations, context);
  const conflict = admitting.some((entry) => !sameMembers(entry.includes, first?.includes ?? []));
  const allowed = usable && first !== undefined && !conflict;
  return { text, imports, admitting, missingReceipts: [], conflict: usable && conflict, allowed };
}

/** The one SVN of a fragment: of the header, of the text, or of both when they agree. */
export function fragmentSvn(request: FragmentRequest, text: LoadedText): Svn | undefined {
  const header = readSvn(request.headerSvn);
  if (header === undefined) return text.svn;
  if (text.svn === undefined) return header;
  return compareSvn(header, text.svn) === 0 ? header : undefined;
}

export function isAhead(declarations: CceDeclarations, context: EvaluationContext): boolean {
  return versionIsAhead(declarations.frameworkVersion, context.frameworkVersion);
}

export function versionIsAhead(version: string | undefined, current: string): boolean {
  const a = readSvn(version);
  const b = readSvn(current);
  return a !== undefined && b !== undefined && (compareSvn(a, b) ?? 0) > 0;
}

function importsOf(request: FragmentRequest, context: EvaluationContext): readonly FragmentImport[] {
  return context.imports().filter((entry) => entry.issuer === request.issuer && entry.feed === request.feed);
}

function atLeast(svn: Svn | undefined, minimum: LiteralValue | undefined): boolean {
  const least = readSvn(minimum);
  return svn !== undefined && least !== undefined && (compareSvn(svn, least) ?? -1) >= 0;
}

/** Entries of an import that no receipt satisfies: `*` any receipt, `TTL:<subject>` one of that list, else its issuer. */
function missingReceipts(entry: FragmentImport, request: FragmentRequest): readonly string[] {
  return entry.requiredReceipts.filter((required) => {
    if (required === '*') return request.receipts.length === 0;
    if (!required.startsWith('TTL:')) return !request.receipts.some((receipt) => receipt.issuer === required);
    const subject = required.slice('TTL:'.length);
    return !request.receipts.some((receipt) => receipt.trustLists.includes(subject));
  });
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((member) => b.includes(member));
}
