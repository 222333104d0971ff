"""What ArcGIS Workflow Manager doesn't say of its wire, and what is done here: one table, with the reasons.

Nothing of it was checked there; the Python client drives it. `docs/operators.md` shows the table. What is not said of
jobs themselves is in `envoy_plugin.workflows.guesses`.
"""

from typing import Final

from envoy_plugin.workflows.guesses import Guess

GUESSES: Final = (
    Guess(
        subject="status of an error",
        choice="400; 401 without a good token; 403 without the privilege; 404 for what isn't there; 409 for what has"
        " changed meanwhile; 413; 415; `code` in the body is the same",
        reason="documented are 400 for most and 404 for two; the Python client reads the body alone, and shows `code`",
    ),
    Guess(
        subject="an action that a step refuses",
        choice="200, `success` false, and a status for each step",
        reason="documented; with any other status clients wouldn't read the statuses",
    ),
    Guess(
        subject="an item that the token doesn't name",
        choice="404, as one that there isn't",
        reason="whether it is there is nobody else's business",
    ),
    Guess(
        subject="a token in several places",
        choice="Authorization, then X-Esri-Authorization, then ?token=, then the form's field `token`",
        reason="clients send either; what a URL has is seen by most",
    ),
    Guess(
        subject="privileges to configure",
        choice="diagrams take adminAdvanced, job templates that or adminBasic; reading both takes none",
        reason="the names are documented, what they are for is not; who makes jobs must see what from",
    ),
    Guess(
        subject="checkStatus",
        choice='`{"status":"ok"}` for anybody, or 503',
        reason="its body isn't documented, and a load balancer has no token",
    ),
    Guess(
        subject="GET of an attachment that is a link",
        choice="400; the list of attachments has the link",
        reason="clients follow a redirect with X-Esri-Authorization in it, and somebody else would have the token",
    ),
    Guess(
        subject="the answer of addAttachment",
        choice="url, alias and attachmentId; the URL is a path where PUBLIC_URL isn't set",
        reason="some clients read one, some the other; which name the plugin has on the internet, it can't know",
    ),
    Guess(
        subject="null, and an empty text, in an update",
        choice="take a value away that a job can be without; else they say nothing",
        reason="the Python client sends a whole job back, in which what has no value is empty",
    ),
    Guess(
        subject="relatedProperties in an update",
        choice="adds, updates and deletes count; a list is ignored",
        reason="a list is what a job has, and comes back with a whole job",
    ),
    Guess(
        subject="location of a job that has none",
        choice="geometryType and geometry null; null in a PUT takes it away",
        reason="every client can read it",
    ),
    Guess(
        subject="a diagram that is posted",
        choice="`active` true makes the next version, and `deleteDraft` then forgets the draft; else it is the draft",
        reason="the Python client sends deleteDraft true with drafts, too, which would be gone at once",
    ),
    Guess(
        subject="version 0 of a diagram",
        choice="its draft",
        reason="versions count from 1, and a draft needs a path to be read and deleted by",
    ),
    Guess(
        subject="DELETE of a diagram, or of a version",
        choice="of a diagram that no template and no job has; of versions, of the draft alone",
        reason="a job runs on its version until it is deleted",
    ),
    Guess(
        subject="dates of a job template",
        choice="act where jobStartDateType is SpecificDate; with CreationDate, as defaultJobDuration, they are kept",
        reason="the Python client fills in the moment at which a template is made",
    ),
    Guess(
        subject="geodatabases, webhook dependencies",
        choice="activeVersions, annotations and dataSources are empty lists; asking for versions or webhooks is a 400",
        reason="what silently does nothing does harm",
    ),
    Guess(
        subject="calls of Workflow Manager that aren't here",
        choice="404: users, groups, roles, settings, lookups, saved searches, table definitions, Arcade",
        reason="there is no directory and no map; the 33 methods of jobs need none of them",
    ),
)
