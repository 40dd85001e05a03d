"""An OpenAPI document, a HAR or an access log in; a locustfile and budgets.yaml as text out."""
