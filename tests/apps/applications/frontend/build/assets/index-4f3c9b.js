const answer = await fetch("/api/name");
document.title = `${location.pathname} of ${(await answer.json()).name}`;
