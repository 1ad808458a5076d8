/** `tinct studio` serves this page together with pictures of the machine that it runs on. */

const TOKEN_KEY = "tinct-token";

/**
 * Return the token that the address holds behind `#`, and forget it there; null in a page of the web. It is new where
 * the page was not just loaded again.
 */
export function takeToken(): { token: string | null; isNew: boolean } {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) {
    sessionStorage.setItem(TOKEN_KEY, token); // for a reload
    history.replaceState(null, "", location.pathname);
  }
  return { token: token ?? sessionStorage.getItem(TOKEN_KEY), isNew: token !== null };
}

/** Fetch the pictures that `tinct studio` was given. */
export async function fetchPictures(token: string): Promise<File[]> {
  const get = async (path: string): Promise<Response> => {
    const response = await fetch(path, { headers: { "X-Tinct-Token": token } });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response;
  };
  const names = (await (await get("pictures")).json()) as string[];
  return Promise.all(
    names.map(async (name, number) => {
      const blob = await (await get(`pictures/${number}`)).blob();
      return new File([blob], name, { type: blob.type });
    }),
  );
}
