import { MalformedError } from '@holdfast/base';

import { badRequest, StatusError } from '../status.ts';

/**
 * Reads the few kinds that kubectl sends as protobuf even to a server that speaks JSON: what `kubectl create namespace`, `create configmap`,
 * `create secret`, `create token`, `auth whoami` and their like make. Field numbers are those of the published API.
 * @see Kubernetes documentation, API concepts, Protobuf encoding
 */
const MESSAGES: Readonly<Record<string, string>> = {
  ObjectMeta:
    '1 name s, 2 generateName s, 3 namespace s, 5 uid s, 6 resourceVersion s, 7 generation i, 8 creationTimestamp t, 11 labels {s}, 12 annotations {s}, 13 ownerReferences [OwnerReference], 14 finalizers [s]',
  OwnerReference: '1 kind s, 3 name s, 4 uid s, 5 apiVersion s, 6 controller b, 7 blockOwnerDeletion b',
  Namespace: '1 metadata ObjectMeta, 2 spec NamespaceSpec, 3 status Ignored',
  NamespaceSpec: '1 finalizers [s]',
  ConfigMap: '1 metadata ObjectMeta, 2 data {s}, 3 binaryData {y}, 4 immutable b',
  Secret: '1 metadata ObjectMeta, 2 data {y}, 3 type s, 4 stringData {s}, 5 immutable b',
  ServiceAccount:
    '1 metadata ObjectMeta, 2 secrets [ObjectReference], 3 imagePullSecrets [NameReference], 4 automountServiceAccountToken b',
  ObjectReference: '1 kind s, 2 namespace s, 3 name s, 4 uid s, 5 apiVersion s, 6 resourceVersion s, 7 fieldPath s',
  NameReference: '1 name s',
  TokenRequest: '1 metadata ObjectMeta, 2 spec TokenRequestSpec, 3 status Ignored',
  TokenRequestSpec: '1 audiences [s], 3 boundObjectRef BoundObject, 4 expirationSeconds i',
  BoundObject: '1 kind s, 2 apiVersion s, 3 name s, 4 uid s',
  SelfSubjectReview: '1 metadata ObjectMeta, 2 status Ignored',
  SelfSubjectAccessReview: '1 metadata ObjectMeta, 2 spec AccessSpec, 3 status Ignored',
  AccessSpec: '1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes PathAttributes',
  ResourceAttributes: '1 namespace s, 2 verb s, 3 group s, 4 version s, 5 resource s, 6 subresource s, 7 name s',
  PathAttributes: '1 path s, 2 verb s',
  Role: '1 metadata ObjectMeta, 2 rules [PolicyRule]',
  ClusterRole: '1 metadata ObjectMeta, 2 rules [PolicyRule]',
  PolicyRule: '1 verbs [s], 2 apiGroups [s], 3 resources [s], 4 resourceNames [s], 5 nonResourceURLs [s]',
  RoleBinding: '1 metadata ObjectMeta, 2 subjects [Subject], 3 roleRef RoleRef',
  ClusterRoleBinding: '1 metadata ObjectMeta, 2 subjects [Subject], 3 roleRef RoleRef',
  Subject: '1 kind s, 2 apiGroup s, 3 name s, 4 namespace s',
  RoleRef: '1 apiGroup s, 2 kind s, 3 name s',
  Eviction: '1 metadata ObjectMeta, 2 deleteOptions DeleteOptions',
  DeleteOptions:
    '1 gracePeriodSeconds i, 2 preconditions Preconditions, 3 orphanDependents b, 4 propagationPolicy s, 5 dryRun [s]',
  Preconditions: '1 uid s, 2 resourceVersion s',
  Deployment: '1 metadata ObjectMeta, 2 spec DeploymentSpec, 3 status Ignored',
  DeploymentSpec:
    '1 replicas i, 2 selector LabelSelector, 3 template PodTemplate, 4 strategy Strategy, 5 minReadySeconds i, 7 paused b',
  Strategy: '1 type s',
  LabelSelector: '1 matchLabels {s}',
  PodTemplate: '1 metadata ObjectMeta, 2 spec PodSpec',
  PodSpec: '2 containers [Container], 3 restartPolicy s, 6 dnsPolicy s, 8 serviceAccountName s',
  Container:
    '1 name s, 2 image s, 3 command [s], 4 args [s], 5 workingDir s, 6 ports [ContainerPort], 8 resources Ignored, 14 imagePullPolicy s',
  ContainerPort: '1 name s, 2 hostPort i, 3 containerPort i, 4 protocol s, 5 hostIP s',
};

export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

const MAGIC = Buffer.from('k8s\0', 'latin1');
const MAX_DEPTH = 20;

interface Field {
  readonly name: string;
  readonly type: string;
}

const tables = new Map<string, ReadonlyMap<number, Field>>();

function tableOf(message: string): ReadonlyMap<number, Field> | undefined {
  const text = MESSAGES[message];
  if (text === undefined) return undefined;
  const known = tables.get(message);
  if (known !== undefined) return known;
  const rows = text.split(', ').map((row): [number, Field] => {
    const [number = '', name = '', type = ''] = row.split(' ');
    return [Number(number), { name, type }];
  });
  const table = new Map(rows);
  tables.set(message, table);
  return table;
}

/**
 * The object of a protobuf body: magic bytes, then a message with type, object and encoding.
 * @throws StatusError BadRequest for bytes that are none; UnsupportedMediaType for a kind or a field that is only read as JSON
 */
export function decodeProtobuf(bytes: Uint8Array): Record<string, unknown> {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!body.subarray(0, MAGIC.length).equals(MAGIC))
    throw badRequest('the body does not begin as Kubernetes protobuf does');
  try {
    const envelope = [...fieldsOf(body.subarray(MAGIC.length))];
    const type = [...fieldsOf(bytesOf(envelope, 1))];
    const apiVersion = bytesOf(type, 1).toString('utf8');
    const kind = bytesOf(type, 2).toString('utf8');
    if (tableOf(kind) === undefined) throw unreadable(kind);
    return { apiVersion, kind, ...decodeMessage(kind, bytesOf(envelope, 2), 0) };
  } catch (error) {
    if (error instanceof MalformedError) throw badRequest(`the body is not protobuf: ${error.message}`);
    throw error;
  }
}

function unreadable(what: string): StatusError {
  return new StatusError(
    'UnsupportedMediaType',
    `${what} is not read as protobuf here: write it to a file and use kubectl create -f or apply -f`,
  );
}

type WireField = readonly [number: number, value: bigint | Buffer];

function bytesOf(fields: readonly WireField[], number: number): Buffer {
  const value = fields.find(([one]) => one === number)?.[1];
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
}

function* fieldsOf(bytes: Buffer): Generator<WireField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) throw malformed();
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw malformed();
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    if (wire === 0) yield [key >>> 3, varint()];
    else if (wire === 2 || wire === 1 || wire === 5) {
      const length = wire === 2 ? Number(varint()) : wire === 1 ? 8 : 4;
      if (length < 0 || at + length > bytes.length) throw malformed();
      yield [key >>> 3, bytes.subarray(at, at + length)];
      at += length;
    } else throw malformed();
  }
}

function malformed(): MalformedError {
  return new MalformedError('KUBERNETES_PROTOBUF_MALFORMED', 'it ends in the middle or holds an unknown wire type');
}

function decodeMessage(message: string, bytes: Buffer, depth: number): Record<string, unknown> {
  const table = tableOf(message);
  if (table === undefined || depth > MAX_DEPTH) throw unreadable(message);
  const object: Record<string, unknown> = {};
  for (const [number, value] of fieldsOf(bytes)) {
    const field = table.get(number);
    // Fields at their zero value are sent as well: only a real value that would be lost is refused.
    if (field === undefined) {
      if (Buffer.isBuffer(value) ? value.length > 0 : value !== 0n) throw unreadable(`field ${number} of ${message}`);
      continue;
    }
    readField(object, field, value, depth);
  }
  return object;
}

function readField(
  object: Record<string, unknown>,
  { name, type }: Field,
  value: bigint | Buffer,
  depth: number,
): void {
  if (type === 'Ignored') return;
  if (type.startsWith('[')) {
    const list = (object[name] ??= []) as unknown[];
    list.push(decodeValue(type.slice(1, -1), value, depth));
  } else if (type.startsWith('{')) {
    const map = (object[name] ??= {}) as Record<string, unknown>;
    const entry = Buffer.isBuffer(value) ? [...fieldsOf(value)] : [];
    const key = bytesOf(entry, 1).toString('utf8');
    const member = decodeValue(type.slice(1, -1), bytesOf(entry, 2), depth);
    Object.defineProperty(map, key, { value: member, enumerable: true, writable: true, configurable: true });
  } else {
    const decoded = decodeValue(type, value, depth);
    if (decoded !== '' && decoded !== undefined) object[name] = decoded;
  }
}

function decodeValue(type: string, value: bigint | Buffer, depth: number): unknown {
  if (type === 'i') return typeof value === 'bigint' ? Number(value) : undefined;
  if (type === 'b') return typeof value === 'bigint' ? value !== 0n : undefined;
  if (!Buffer.isBuffer(value)) throw malformed();
  if (type === 's') return value.toString('utf8');
  if (type === 'y') return value.toString('base64');
  if (type === 't') return undefined; // times are the server's to set
  return decodeMessage(type, value, depth + 1);
}
