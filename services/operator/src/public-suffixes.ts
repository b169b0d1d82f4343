import type { PublicSuffixList } from '@holdfast/uid2';
import { parse } from 'tldts';

/** The name is checked before; IP addresses never come here. */
const OPTIONS = { allowPrivateDomains: true, extractHostname: false, validateHostname: false, detectIp: false };

/** The Mozilla public suffix list as of the release of `tldts` that this operator is built with. */
export const publicSuffixes: PublicSuffixList = {
  registrableDomain(host) {
    const { domain, isIcann, isPrivate } = parse(host, OPTIONS);
    // Under a suffix that is not listed the library assumes the last label to be one.
    return isIcann === true || isPrivate === true ? (domain ?? undefined) : undefined;
  },
};
