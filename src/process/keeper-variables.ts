/** What the keeper sets in the environment of its servers. Apart from keeper.ts, which loads the addon. */

/** The descriptor of the channel to it. */
export const KEEPER_VARIABLE = "KEEPER_CHANNEL";
/** Set in a server that waits until the first one has crashed. */
export const STANDBY_VARIABLE = "KEEPER_STANDBY";
