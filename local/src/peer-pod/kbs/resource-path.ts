import { RequestError } from '@holdfast/base';

const SEGMENT = /^[A-Za-z0-9_-]+[A-Za-z0-9_.-]*$/;
const RESOURCE_URI = /^kbs:\/\/([^/]*)\/(.*)$/s;

/**
 * Checks `repository/type/tag`: three segments, none of which begins with a dot.
 * @throws RequestError PEER_POD_RESOURCE_PATH_INVALID
 */
export function checkResourcePath(path: string): string {
  const segments = path.split('/');
  if (segments.length === 3 && path.length <= 1024 && segments.every((segment) => SEGMENT.test(segment))) return path;
  throw new RequestError('PEER_POD_RESOURCE_PATH_INVALID', 'the name of the resource is not repository/type/tag', {
    action: 'Give three segments of letters, digits, "_", "-" and, not at the beginning, ".".',
  });
}

/**
 * The path of `kbs:///repository/type/tag`. A host in it is not followed: a guest asks the broker of its initdata.
 * @throws RequestError PEER_POD_RESOURCE_PATH_INVALID
 */
export function pathOfResourceUri(uri: string): string {
  return checkResourcePath(RESOURCE_URI.exec(uri)?.[2] ?? '');
}
