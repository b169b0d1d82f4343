import { UnsupportedError } from '@holdfast/base';

import { type Fields, optionalFields, optionalId, optionalIds } from './fields.ts';
import type { KataImage } from './image.ts';
import type { KataUser } from './policy-data.ts';

/** Who a process runs as, and what the reader of the policy should know about how that was found. */
export interface ResolvedUser {
  readonly user: KataUser;
  readonly warnings: readonly string[];
}

export interface UserInput {
  readonly image: KataImage;
  readonly imageName: string;
  readonly isPause: boolean;
  readonly podSpec: Fields;
  readonly container: Fields | undefined;
  readonly kind: string;
  /** Ids that a zero is replaced by. */
  readonly settings: { readonly UID: number; readonly GID: number };
  /** Upstream: whether the image is pulled inside the guest, where its ids cannot be checked. */
  readonly guestPull: boolean;
}

/** Ids of an image's user; names are looked up in the image's own files when `files` is set. */
interface ImageUser {
  readonly uid: number;
  readonly gid: number | undefined;
  readonly warning?: string;
}

/**
 * MS profile: the image's numeric ids, then `runAsUser` of pod and container. A user given by name counts as 0, because the tool
 * looks at no file of the image; the runtime does, and the agent then denies the container.
 * @throws UnsupportedError KATA_IMAGE_UNSUPPORTED for a group that is not a number
 */
export function msUser(input: UserInput): ResolvedUser {
  const fromImage = numericImageUser(input);
  const pod = optionalFields(input.podSpec, 'securityContext');
  const own = input.container === undefined ? undefined : optionalFields(input.container, 'securityContext');
  let uid = fromImage.uid === 0 ? input.settings.UID : fromImage.uid;
  const gid = (fromImage.gid ?? 0) === 0 ? input.settings.GID : (fromImage.gid ?? 0);
  if (pod !== undefined && input.kind !== 'CronJob') uid = optionalId(pod, 'runAsUser') ?? uid;
  if (own !== undefined) uid = optionalId(own, 'runAsUser') ?? uid;
  return {
    user: { UID: uid, GID: gid, AdditionalGids: [], Username: '' },
    warnings: fromImage.warning === undefined ? [] : [fromImage.warning],
  };
}

function numericImageUser(input: UserInput): ImageUser {
  const [name = '', group] = input.image.user.split(':');
  if (group !== undefined && !isId(group)) {
    throw new UnsupportedError(
      'KATA_IMAGE_UNSUPPORTED',
      `The image ${input.imageName} names its group "${group}"; this profile needs a number.`,
      { details: { image: input.imageName } },
    );
  }
  const gid = group === undefined ? undefined : Number(group);
  if (name === '' || isId(name)) return { uid: Number(name), gid };
  const warning =
    `The image ${input.imageName} runs as the user "${name}". The policy says UID 0, the runtime will look the name up, ` +
    'and the container will be denied unless securityContext.runAsUser gives the number.';
  return { uid: 0, gid, warning };
}

function isId(text: string): boolean {
  return /^[0-9]{1,10}$/u.test(text) && Number(text) <= 0xffff_ffff;
}

/**
 * Upstream profile: ids of the image resolved in its `/etc/passwd` and `/etc/group`, then the security contexts of pod and container.
 * @throws MalformedError KATA_MANIFEST_INVALID
 * @throws UnsupportedError KATA_IMAGE_UNSUPPORTED for a name that the image's files do not have, and, with guest pull, for ids that
 * only the image states
 */
export function upstreamUser(input: UserInput): ResolvedUser {
  const { image, isPause } = input;
  const pod = optionalFields(input.podSpec, 'securityContext');
  const own = input.container === undefined ? undefined : optionalFields(input.container, 'securityContext');
  const start = namedImageUser(input);
  let uid = start.uid;
  let gid = isPause ? (start.gid ?? 0) : (groupOfUser(image.passwd, uid) ?? 0);
  let groups = new Set<number>();
  if (!isPause || image.user !== '') groups.add(gid);

  const podUser = pod === undefined ? undefined : optionalId(pod, 'runAsUser');
  const podGroup = pod === undefined ? undefined : optionalId(pod, 'runAsGroup');
  if (podUser !== undefined) {
    uid = podUser;
    gid = groupOfUser(image.passwd, uid) ?? 0;
    groups = new Set([gid]);
  }
  if (podGroup !== undefined) {
    gid = podGroup;
    groups = new Set([gid]);
  }
  if (pod !== undefined && (!isPause || (image.user === '' && podUser === undefined))) {
    const fsGroup = optionalId(pod, 'fsGroup');
    if (fsGroup !== undefined) groups.add(fsGroup);
    for (const extra of optionalIds(pod, 'supplementalGroups')) groups.add(extra);
  }
  const ownUser = own === undefined ? undefined : optionalId(own, 'runAsUser');
  const ownGroup = own === undefined ? undefined : optionalId(own, 'runAsGroup');
  if (ownUser !== undefined) {
    uid = ownUser;
    gid = groupOfUser(image.passwd, uid) ?? gid;
    groups.add(gid);
  }
  if (ownGroup !== undefined) {
    gid = ownGroup;
    groups.add(gid);
  }
  if (input.guestPull && !isPause) {
    requireStated(input.imageName, 'runAsUser', uid, ownUser ?? podUser);
    requireStated(input.imageName, 'runAsGroup', gid, ownGroup ?? podGroup);
  }
  return {
    user: { UID: uid, GID: gid, AdditionalGids: [...groups].toSorted((a, b) => a - b), Username: '' },
    warnings: [],
  };
}

function requireStated(image: string, field: string, id: number, stated: number | undefined): void {
  if (id === 0 || stated !== undefined) return;
  throw new UnsupportedError(
    'KATA_IMAGE_UNSUPPORTED',
    `The image ${image} sets an id of its own (${id}), and an image that is pulled inside the guest could later set another.`,
    { details: { image, field, id }, action: `Set securityContext.${field}: ${id} in the manifest.` },
  );
}

function namedImageUser(input: UserInput): ImageUser {
  const [name = '', group] = input.image.user.split(':');
  const uid = name === '' ? 0 : isId(name) ? Number(name) : lookUp(input, 'passwd', name);
  const fromPasswd = groupOfUser(input.image.passwd, uid);
  if (group === undefined || group === '') return { uid, gid: fromPasswd };
  return { uid, gid: isId(group) ? Number(group) : lookUp(input, 'group', group) };
}

/** Records of `/etc/passwd` have seven fields, those of `/etc/group` four; others are skipped. The first match counts. */
function records(text: string, count: number): string[][] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length === count);
}

function lookUp(input: UserInput, file: 'passwd' | 'group', name: string): number {
  const text = file === 'passwd' ? input.image.passwd : input.image.group;
  const found = records(text, file === 'passwd' ? 7 : 4).find((fields) => fields[0] === name)?.[2];
  if (found === undefined || !isId(found)) {
    throw new UnsupportedError(
      'KATA_IMAGE_UNSUPPORTED',
      `The image ${input.imageName} runs as "${name}", which its /etc/${file} has no number for.`,
      { details: { image: input.imageName } },
    );
  }
  return Number(found);
}

function groupOfUser(passwd: string, uid: number): number | undefined {
  const found = records(passwd, 7).find((fields) => fields[2] === `${uid}`)?.[3];
  return found !== undefined && isId(found) ? Number(found) : undefined;
}
