import { isMap } from '../objects.ts';
import { fieldFault } from '../status.ts';
import type { StatusCause } from '../status.ts';

const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const SERVICE_LABEL = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const MAX_LABEL = 63;
const MAX_SUBDOMAIN = 253;
const MAX_ANNOTATIONS_BYTES = 256 * 1024;

const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SERVICE_RULE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

export function isSubdomain(name: string): boolean {
  return name.length <= MAX_SUBDOMAIN && SUBDOMAIN.test(name);
}

/** Why a name may not be the one of an object of this kind; undefined when it may. @see RFC 1123 */
export function nameFault(group: string, kind: string, name: string): string | undefined {
  if (group === 'rbac.authorization.k8s.io') {
    return name === '.' || name === '..' || /[/%]/.test(name) ? "may not contain '/' or '%'" : undefined;
  }
  if (group === '' && kind === 'Service')
    return name.length <= MAX_LABEL && SERVICE_LABEL.test(name) ? undefined : SERVICE_RULE;
  if (group === '' && kind === 'Namespace') return labelFault(name);
  return isSubdomain(name) ? undefined : SUBDOMAIN_RULE;
}

/** For container names, port names, volumes. */
export function labelFault(name: string): string | undefined {
  if (name.length > MAX_LABEL) return `must be no more than ${MAX_LABEL} characters`;
  return LABEL.test(name) ? undefined : LABEL_RULE;
}

function isQualifiedName(key: string): boolean {
  const slash = key.indexOf('/');
  const name = key.slice(slash + 1);
  return (slash < 0 || isSubdomain(key.slice(0, slash))) && name.length <= MAX_LABEL && QUALIFIED.test(name);
}

export function labelCauses(labels: unknown, field: string): readonly StatusCause[] {
  if (!isMap(labels)) return [];
  return Object.entries(labels).flatMap(([key, value]) => {
    const causes: StatusCause[] = [];
    if (!isQualifiedName(key))
      causes.push(
        fieldFault.invalid(
          field,
          key,
          "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
      );
    if (typeof value !== 'string' || value.length > MAX_LABEL || !LABEL_VALUE.test(value)) {
      causes.push(
        fieldFault.invalid(
          field,
          value,
          "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
      );
    }
    return causes;
  });
}

export function annotationCauses(annotations: unknown, field: string): readonly StatusCause[] {
  if (!isMap(annotations)) return [];
  const size = Object.entries(annotations).reduce((sum, [key, value]) => sum + key.length + String(value).length, 0);
  const causes = Object.keys(annotations)
    .filter((key) => !isQualifiedName(key.toLowerCase()))
    .map((key) => fieldFault.invalid(field, key, "name part must consist of alphanumeric characters, '-', '_' or '.'"));
  if (size <= MAX_ANNOTATIONS_BYTES) return causes;
  return [
    ...causes,
    { reason: 'FieldValueTooLong', message: `Too long: may not be more than ${MAX_ANNOTATIONS_BYTES} bytes`, field },
  ];
}
