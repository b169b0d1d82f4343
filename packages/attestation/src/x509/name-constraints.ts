import { VerificationError } from '@holdfast/base';

import { contextTag, DerReader, tag } from '../der/reader.ts';
import { extensionOid } from './certificate.ts';
import type { Certificate } from './certificate.ts';

const DNS_NAME = 0x82;

/**
 * Enforces the name constraints of every authority in a chain, leaf first, on the DNS names of everything below it.
 * Constraints on any other form of name are refused, because they are not evaluated.
 * @throws VerificationError with `code`
 * @see RFC 5280 sections 4.2.1.10 and 6.1
 */
export function checkNameConstraints(chain: readonly Certificate[], code: string): void {
  for (const [index, authority] of chain.entries()) {
    const constraints = readNameConstraints(authority, code);
    if (constraints === undefined) continue;
    if (index === 0) throw new VerificationError(code, 'name constraints on a certificate that is no authority');
    for (const subject of chain.slice(0, index)) {
      for (const name of dnsNames(subject, code)) {
        if (constraints.excluded.some((subtree) => isWithin(name, subtree))) {
          throw new VerificationError(code, `DNS name ${name} is within an excluded subtree of its issuer`);
        }
        const { permitted } = constraints;
        if (permitted.length > 0 && !permitted.some((subtree) => isWithin(name, subtree))) {
          throw new VerificationError(code, `DNS name ${name} is outside the permitted subtrees of its issuer`);
        }
      }
    }
  }
}

interface NameConstraints {
  /** DNS subtrees, lower case. */
  readonly permitted: readonly string[];
  readonly excluded: readonly string[];
}

function readNameConstraints(certificate: Certificate, code: string): NameConstraints | undefined {
  const [extension, second] = certificate.extensions.filter(({ oid }) => oid === extensionOid.nameConstraints);
  if (extension === undefined) return undefined;
  if (second !== undefined) throw new VerificationError(code, 'name constraints that stand twice');
  const reader = new DerReader(extension.value, code);
  const sequence = reader.enter(tag.sequence);
  reader.end();
  const permitted = sequence.optional(contextTag(0));
  const excluded = sequence.optional(contextTag(1));
  sequence.end();
  const subtrees = (element: typeof permitted): readonly string[] =>
    element === undefined ? [] : readSubtrees(sequence.inside(element), code);
  return { permitted: subtrees(permitted), excluded: subtrees(excluded) };
}

/** GeneralSubtrees; minimum and maximum never occur in a valid certificate. */
function readSubtrees(list: DerReader, code: string): readonly string[] {
  const subtrees: string[] = [];
  while (!list.done) {
    const subtree = list.enter(tag.sequence);
    const base = subtree.next();
    subtree.end();
    if (base.tag !== DNS_NAME) throw new VerificationError(code, 'name constraints of a form that is not evaluated');
    subtrees.push(String.fromCharCode(...base.content).toLowerCase());
  }
  return subtrees;
}

function dnsNames(certificate: Certificate, code: string): readonly string[] {
  const extension = certificate.extensions.find(({ oid }) => oid === extensionOid.subjectAltName);
  if (extension === undefined) return [];
  const names: string[] = [];
  const list = new DerReader(extension.value, code).enter(tag.sequence);
  while (!list.done) {
    const { tag: kind, content } = list.next();
    if (kind === DNS_NAME) names.push(String.fromCharCode(...content).toLowerCase());
  }
  return names;
}

/** The name itself or with labels added to the left. An empty subtree holds every name; a leading dot asks for a label. */
function isWithin(name: string, subtree: string): boolean {
  if (subtree === '' || name === subtree) return true;
  return name.endsWith(subtree.startsWith('.') ? subtree : `.${subtree}`);
}
