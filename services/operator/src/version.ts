/** Version of this release when the image does not say its own. Same as in package.json. */
export const VERSION = '0.1.0';
