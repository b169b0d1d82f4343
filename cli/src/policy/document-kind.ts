import { isObject, parsedJson } from './json-shape.ts';

/** What a text is, told by its content. */
export type DocumentKind =
  | 'arm'
  | 'manifests'
  | 'config'
  | 'container-definitions'
  | 'recording'
  | 'policy'
  | 'initdata'
  | 'base64'
  | 'unknown';

/** What people call each kind. */
export const kindNames: Readonly<Record<DocumentKind, string>> = {
  arm: 'ARM template',
  manifests: 'Kubernetes manifests',
  config: 'JSON configuration of the policy generator',
  'container-definitions': 'container definitions',
  recording: 'recorded requests',
  policy: 'policy text',
  initdata: 'initdata document',
  base64: 'Base64 of a policy',
  unknown: 'of no kind that is known here',
};

/** Tells what a text is. Nothing is checked beyond what tells the kinds apart. */
export function kindOf(text: string): DocumentKind {
  const start = text.replace(/^\uFEFF/u, '').trimStart();
  if (start.startsWith('{') || start.startsWith('[') || start.startsWith('/*') || start.startsWith('//')) {
    return jsonKind(start);
  }
  const line = firstLine(start);
  if (/^package\s+[A-Za-z_]/u.test(line)) return 'policy';
  if (/^(?:version|algorithm)\s*=\s*["']/u.test(line)) return 'initdata';
  if (start.length >= 16 && /^(?:[A-Za-z0-9+/]+\r?\n)*[A-Za-z0-9+/]+={0,2}$/u.test(start.trimEnd())) return 'base64';
  return /^[ \t]*(?:apiVersion|kind|metadata|spec|items)[ \t]*:/mu.test(start) ? 'manifests' : 'unknown';
}

/** The first line that is neither blank nor a comment. */
function firstLine(text: string): string {
  let from = 0;
  while (from < text.length) {
    const end = text.indexOf('\n', from);
    const line = text.slice(from, end === -1 ? undefined : end).trim();
    if (line !== '' && !line.startsWith('#')) return line;
    if (end === -1) break;
    from = end + 1;
  }
  return '';
}

function jsonKind(text: string): DocumentKind {
  const value = parsedJson(text);
  // ARM templates may hold comments, which the reader of templates knows and JSON does not.
  if (value === undefined) return /"resources"\s*:/iu.test(text) ? 'arm' : 'unknown';
  if (Array.isArray(value)) {
    const first: unknown = value[0];
    if (isObject(first) && 'layers' in first) return 'container-definitions';
    return isObject(first) && ('kind' in first || 'request' in first) ? 'recording' : 'unknown';
  }
  if (!isObject(value)) return 'unknown';
  const names = new Set(Object.keys(value).map((name) => name.toLowerCase()));
  if (names.has('resources')) return 'arm';
  if (names.has('apiversion') && names.has('kind')) return 'manifests';
  if (names.has('steps') || names.has('cases')) return 'recording';
  return names.has('containers') ? 'config' : 'unknown';
}
